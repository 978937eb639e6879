"""The `.tfqd` archive: a compressed model in one file.

`tfqd.compressed.container` holds the bytes together, `manifest` says what they
are, `records` makes tensors of them. Reading runs no code, writes no file and
trusts no number: structure, sizes and the manifest's hash are checked before
anything is allocated, and each tensor's hash before it is decoded.
"""

import json
import os
from collections.abc import Mapping
from typing import Any, overload

import numpy as np

from tfqd.compressed import manifest as manifests
from tfqd.compressed import records
from tfqd.compressed.atomic import replace_file
from tfqd.compressed.container import Container, open_container, pack_container
from tfqd.compressed.errors import ArchiveError
from tfqd.compressed.facts import checked_facts
from tfqd.compressed.floats import FLOATS
from tfqd.compressed.manifest import ArrayEntry, Entry, Manifest
from tfqd.compressed.model import CompressedModel, Probes
from tfqd.compressed.tensor import QuantizedTensor
from tfqd.spec.checks import check_choice


def write_archive(compressed: CompressedModel, path: str | os.PathLike, **options) -> None:
    """Writes a compressed model to a file, which appears complete or not at all.

    Args:
        compressed: the model, with its facts and probes.
        path: file to write or replace, ``*.tfqd`` by custom.
        options: see `encode_archive`.

    Raises:
        TypeError, ValueError: as `encode_archive`.
        OSError: when the file cannot be written.
    """
    replace_file(path, encode_archive(compressed, **options))


def encode_archive(
    compressed: CompressedModel,
    *,
    rest_dtype: str = "float32",
    scale_dtype: str = "float32",
    versions: Mapping[str, str] | None = None,
) -> list[bytes]:
    """The bytes of an archive, in chunks.

    Equal models give equal bytes, as long as zlib is the same.

    Args:
        compressed: the model, with its facts and probes.
        rest_dtype: ``"float32"`` keeps what stayed float as it is;
            ``"float16"`` and ``"bfloat16"`` round it.
        scale_dtype: how scales and offsets are stored, likewise. Weights then
            move a little; the manifest states by how much at most. Scales that are all too
            small for float16 are stored in bfloat16.
        versions: of the libraries that made the model, for the manifest.

    Raises:
        TypeError: when facts, specs or the architecture are no JSON values, or facts no mapping
            of texts to them.
        ValueError: for another dtype, values that it cannot hold, arrays of
            other things than numbers, and archives beyond 4 GiB.
    """
    check_choice("rest_dtype", rest_dtype, FLOATS)
    check_choice("scale_dtype", scale_dtype, FLOATS)
    probes = compressed.probes or Probes({}, {})
    tensors = [
        _encode(name, tensor, rest_dtype, scale_dtype)
        for name, tensor in compressed.tensors.items()
    ]
    inputs = [_encode(name, array) for name, array in probes.inputs.items()]
    outputs = [_encode(name, array) for name, array in probes.outputs.items()]
    manifest = Manifest(
        keras_version=compressed.keras_version,
        versions=dict(versions or {}),
        facts=checked_facts(compressed.facts),
        tensors=[entry for entry, _ in tensors],
        inputs=[entry for entry, _ in inputs],
        outputs=[entry for entry, _ in outputs],
    )
    texts = manifests.to_json(manifest), _architecture_json(compressed)
    payload = [data for _, data in [*tensors, *inputs, *outputs]]
    _check_readable(*texts, payload)
    return pack_container(*texts, payload)


def read_archive(path: str | os.PathLike) -> CompressedModel:
    """The compressed model in a file.

    Memory and time are bounded by the file's size (a byte of it stands for at
    most 1024 weights). A damaged bit anywhere is an error.

    Raises:
        ArchiveError: when the file is damaged or no archive; names the tensor.
        OSError: when it cannot be opened.
    """
    with open_container(path) as container:
        manifest = _checked_manifest(container)
        architecture, no_architecture = _parse_architecture(container.architecture)
        tensors = {entry.path: _decode(entry, container) for entry in manifest.tensors}
        inputs = {entry.path: _decode(entry, container) for entry in manifest.inputs}
        outputs = {entry.path: _decode(entry, container) for entry in manifest.outputs}
        container.finish()
    probes = Probes(inputs, outputs) if inputs or outputs else None
    return CompressedModel(
        tensors,
        architecture,
        manifest.keras_version,
        dict(manifest.facts),
        probes,
        no_architecture,
    )


def read_manifest(path: str | os.PathLike) -> Manifest:
    """What a file says about itself, without decoding any tensor.

    Raises:
        ArchiveError, OSError: as `read_archive`, but for damaged tensors.
    """
    with open_container(path) as container:
        return _checked_manifest(container)


@overload
def _encode(name: str, tensor: np.ndarray) -> tuple[ArrayEntry, bytes]: ...
@overload
def _encode(
    name: str, tensor: QuantizedTensor | np.ndarray, rest_dtype: str, scale_dtype: str
) -> tuple[Entry, bytes]: ...
def _encode(
    name: str,
    tensor: QuantizedTensor | np.ndarray,
    rest_dtype: str = "float32",
    scale_dtype: str = "float32",
) -> tuple[Entry, bytes]:
    try:
        if isinstance(tensor, QuantizedTensor):
            return records.encode_quantized(name, tensor, scale_dtype)
        return records.encode_array(name, np.asarray(tensor), rest_dtype)
    except ValueError as error:
        raise ValueError(f"tensor {name!r}: {error}") from error


@overload
def _decode(entry: ArrayEntry, container: Container) -> np.ndarray: ...
@overload
def _decode(entry: Entry, container: Container) -> QuantizedTensor | np.ndarray: ...
def _decode(entry: Entry, container: Container) -> QuantizedTensor | np.ndarray:
    data = container.read_payload(entry.bytes)
    try:
        return records.decode(entry, data)
    except ValueError as error:
        raise ArchiveError(f"tensor {entry.path!r:.200}: {error}") from error


def _checked_manifest(container: Container) -> Manifest:
    manifest = manifests.from_json(container.manifest)
    _check_backed(manifest, container.payload_size)
    return manifest


def _check_backed(manifest: Manifest, payload_size: int) -> None:
    """Raises ArchiveError unless the payload can hold the tensors, byte for byte."""
    for entry in manifest.entries:
        try:
            records.check_backed(entry)
            if entry.dtype == "string" and entry in manifest.tensors:
                raise ValueError("a weight cannot be of strings")
        except ValueError as error:
            raise ArchiveError(f"tensor {entry.path!r:.200}: {error!s:.400}") from error
    if sum(entry.bytes for entry in manifest.entries) != payload_size:
        raise ArchiveError("tensors.bin is not as long as its tensors together")


def _architecture_json(compressed: CompressedModel) -> bytes:
    """The architecture, or why there is none, or null."""
    known = compressed.architecture is not None
    content = compressed.architecture if known else compressed.no_architecture
    return json.dumps(content, separators=(",", ":")).encode()


def _parse_architecture(text: bytes) -> tuple[dict[str, Any] | None, str | None]:
    """What `_architecture_json` wrote: an architecture or why there is none."""
    content = manifests.parse_json(text, "architecture.json")
    if isinstance(content, str):
        if not content.isprintable():
            raise ArchiveError("architecture.json must be one line when it is a text")
        return None, content
    if not isinstance(content, dict | None):
        raise ArchiveError("architecture.json must be an object, a text or null")
    return content, None


def _check_readable(manifest: bytes, architecture: bytes, payload: list[bytes]) -> None:
    """Raises ValueError for texts that `read_archive` would refuse, before they are written."""
    _check_backed(manifests.from_json(manifest), sum(map(len, payload)))
    _parse_architecture(architecture)
