"""manifest.json: what each stretch of tensors.bin is.

One line a tensor, in the model's order, which is also the order in tensors.bin.
Reading is strict: exactly the known fields, each of its own type, and nothing
that a number could not back; a new field means a new format version.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from tfqd.compressed.errors import ArchiveError
from tfqd.spec.checks import is_integer

FORMAT = "tfqd"
VERSION = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuantizedEntry:
    """A quantized tensor: its codes, scales, offsets and points, in this order.

    path: name of the variable.
    shape, dtype: of the weights that it decodes to; dtype is float32.
    bits, levels, layout, bucket_size, channel_axes: as in `QuantizedTensor`.
    scaling: ``"affine"`` when each bucket has an offset, ``"symmetric"`` when it has a scale
        alone, ``"none"`` when all scales are 1, and none is stored.
    points: None, or how codebooks of [levels] points each are stored: ``"float32"``, or
        ``"float8_e4m3"`` or ``"int8"`` where that holds them exactly.
    channels_per_codebook: as in `QuantizedTensor`.
    spec: the spec that it was quantized by.
    coding: how the codes are stored (`tfqd.compressed.coding`).
    entropy: bits per code that no code can undercut, rounded.
    scale_dtype: how scales and offsets are stored, one of `floats.FLOATS`.
    error: None, or what storing the scales in fewer bytes changes at most:
        "max_abs" in the weights' unit, "max_steps" in steps of the bucket's grid.
    bytes: size of the stretch.
    sha256: its hash, in hex.
    """

    path: str
    shape: list
    dtype: str
    bits: int
    levels: int
    layout: str
    bucket_size: int | list | None
    channel_axes: list
    scaling: str
    points: str | None
    channels_per_codebook: int | None
    spec: dict
    coding: str
    entropy: float
    scale_dtype: str
    error: dict | None
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArrayEntry:
    """An array as it is: a weight that stayed float, or a probe.

    path, shape, bytes, sha256: as in `QuantizedEntry`.
    dtype: numpy's name of the array's type, or "string".
    stored: the type that it is stored in: `dtype`, or "float16" or "bfloat16"; of strings
        "S<n>" (`tfqd.compressed.strings`).
    error: None, or what storing it in fewer bytes changes at most: "max_abs",
        and "max_relative" to the value itself.
    """

    path: str
    shape: list
    dtype: str
    stored: str
    error: dict | None
    bytes: int
    sha256: str


Entry = QuantizedEntry | ArrayEntry


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """What an archive says about itself.

    keras_version: ``"keras"`` or ``"tf_keras"``: whose architecture.json it is.
    versions: versions of the libraries that made it, by name.
    facts: what the user wrote about the model's training, JSON values.
    tensors: the model's weights, in its order.
    inputs, outputs: the probes, by which an export is verified later.
    """

    keras_version: str
    versions: Mapping[str, str]
    facts: Mapping[str, Any]
    tensors: list[Entry]
    inputs: list[ArrayEntry]
    outputs: list[ArrayEntry]

    @property
    def entries(self) -> list[Entry]:
        """All stretches of tensors.bin, in its order."""
        return [*self.tensors, *self.inputs, *self.outputs]


_LISTS = {
    "tensors": (QuantizedEntry, ArrayEntry),
    "inputs": (ArrayEntry,),
    "outputs": (ArrayEntry,),
}
_FIELDS = {"keras_version": str, "versions": dict, "facts": dict} | dict.fromkeys(_LISTS, list)


def to_json(manifest: Manifest) -> bytes:
    """The text of manifest.json.

    Raises:
        TypeError: when the facts or a spec hold something that JSON has no form for.
        ValueError: when they hold NaN or infinity.
    """
    lines = [f'"format": "{FORMAT}"', f'"version": {VERSION}']
    for name in ("keras_version", "versions", "facts"):
        lines.append(f'"{name}": {_dumps(getattr(manifest, name))}')
    for name in _LISTS:
        entries = ["\n" + _dumps(vars(entry)) for entry in getattr(manifest, name)]
        lines.append(f'"{name}": [{",".join(entries)}]')
    return ("{" + ",\n".join(lines) + "}\n").encode()


def from_json(text: bytes) -> Manifest:
    """The manifest that `to_json` wrote.

    Raises:
        ArchiveError: when it is anything else; names the entry at fault.
    """
    values = parse_json(text, "manifest.json", constants=False)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ArchiveError("manifest.json does not describe a tfqd archive")
    if values.get("version") != VERSION or isinstance(values["version"], bool):
        raise ArchiveError(
            f"the archive has format version {values.get('version')!r:.40}; "
            f"this tfqd reads version {VERSION}"
        )
    del values["format"], values["version"]
    _check_fields(values, _FIELDS, "manifest.json")
    if values["keras_version"] not in ("keras", "tf_keras"):
        raise ArchiveError(f"unknown keras_version {values['keras_version']!r:.40}")
    if not all(isinstance(version, str) for version in values["versions"].values()):
        raise ArchiveError("manifest.json: versions must be strings")
    for name, kinds in _LISTS.items():
        values[name] = [
            _read_entry(entry, kinds, f"{name}[{i}]") for i, entry in enumerate(values[name])
        ]
        if len({entry.path for entry in values[name]}) < len(values[name]):
            raise ArchiveError(f"manifest.json: {name} has two entries of one path")
    return Manifest(**values)


def parse_json(text: bytes, name: str, constants: bool = True) -> Any:
    """The values of a JSON text without duplicate keys.

    Args:
        text: UTF-8.
        name: of the member, for messages.
        constants: whether NaN and Infinity may occur, as Keras writes them.

    Raises:
        ArchiveError: when it is not such a text.
    """
    refuse = None if constants else _refuse_constant
    try:
        return json.loads(text.decode(), object_pairs_hook=_unique_keys, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{name} is not valid JSON: {error!s:.200}") from error


def _read_entry(values: Any, kinds: tuple[type, ...], where: str) -> Entry:
    kind = kinds[0] if isinstance(values, dict) and "coding" in values else kinds[-1]
    if kind is QuantizedEntry and isinstance(values.get("points"), bool):
        # Archives of the time when float32 was the only type of points say whether there are any.
        values["points"] = "float32" if values["points"] else None
    fields = {field.name: field.type for field in dataclasses.fields(kind)}
    _check_fields(values, fields, f"manifest.json: {where}")
    where = f"manifest.json: {where}, {values['path']!r:.200}"
    if not all(is_integer(size, 0) for size in values["shape"]):
        raise ArchiveError(f"{where}: shape must hold integers of 0 or more")
    if not is_integer(values["bytes"], 0):
        raise ArchiveError(f"{where}: bytes must be 0 or more")
    axes = values["channel_axes"] if kind is QuantizedEntry else ()
    if not all(is_integer(axis, 0) for axis in axes):
        raise ArchiveError(f"{where}: channel_axes must hold integers of 0 or more")
    return kind(**values)


def _check_fields(values: Any, types: Mapping[str, Any], where: str) -> None:
    if not isinstance(values, dict) or values.keys() != types.keys():
        raise ArchiveError(f"{where}: the fields must be exactly {', '.join(types)}")
    for name, allowed in types.items():
        value = values[name]
        boolean = isinstance(value, bool)
        if not isinstance(value, allowed) or (boolean and allowed is not bool):
            raise ArchiveError(f"{where}: {name} must not be {value!r:.40}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ArchiveError(f"{where}: {name} must be finite")


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key occurs twice in one object")
    return values


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")
