"""What tfqd keeps in a TFLite file besides the model: what it is, and its probes.

The metadata ``tfqd`` is a line of JSON, {"version", "specs"}, and after it, deflated,
another line, {"weights", "inputs", "outputs", "exact", "tolerance", "largest"}, and the
numbers of the probes. Its last 32 bytes are the SHA-256 of the file in which they are 0:
runtimes trust the indices in a file, and a wrong one can end the process.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from tfqd.compressed import Probes
from tfqd.export.litert.checking.stored_probes import described, restored
from tfqd.export.litert.file.flatbuffer import File
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.file.sizes import USUAL_LARGEST, largest_computed
from tfqd.spec.kinds import defaults
from tfqd.version import __version__

# The name in the file's list of metadata.
FACTS = "tfqd"
# Bytes of a SHA-256.
_SEAL = 32
# What holds where the file does not tell otherwise.
_USUAL = {"exact": 1e-4, "tolerance": 0.1, "largest": USUAL_LARGEST}


def put_metadata(
    file: File,
    weights: Sequence[tuple[str, Mapping[str, Any], str]],
    exact: float | None,
    probes: Probes,
    tolerance: float,
) -> None:
    """Adds tfqd's version, each weight's spec and type, the probes, and bounds.

    The largest tensor that an operator fills is told where it is uncommonly large, so
    that a damaged shape can be known by its size.

    Args:
        file: changed.
        weights: of each its path, its spec and the type that it has in the file.
        exact: how far the answers of the file's float form may be off; None where that
            is not asked.
        probes: what the model answers.
        tolerance: how far the file's own answers may be off.
    """
    specs = [_told(spec) for _, spec, _ in weights]
    # Few specs serve many weights.
    kinds = [spec for place, spec in enumerate(specs) if spec not in specs[:place]]
    description, numbers = described(probes)
    rest = {
        "weights": [
            [path, kinds.index(spec), type]
            for (path, _, type), spec in zip(weights, specs, strict=True)
        ],
        **description,
    }
    largest = max(USUAL_LARGEST, largest_computed(file))
    bounds = {"exact": exact, "tolerance": tolerance, "largest": largest}
    rest |= {name: bound for name, bound in bounds.items() if bound != _USUAL[name]}
    first = _line({"version": __version__, "specs": kinds})
    entry = schema.MetadataT()
    entry.name = FACTS
    content = first + _deflated(_line(rest), numbers)
    entry.buffer = file.add_buffer(content + _place_of_seal(content))
    # The converter's own speak of the float file that it made.
    file.model.metadata = [entry]


def sealed(data: bytes) -> bytes:
    """A file with metadata, with its SHA-256 in the place that `put_metadata` left for it."""
    place = _get(File(data), FACTS)[-_SEAL:]
    return data.replace(place, _digest(data, place))


def check_seal(data: bytes, file: File) -> None:
    """Raises ValueError when a byte of the file is not what it was when it was sealed.

    Args:
        data: the file.
        file: the same as objects.
    """
    seal = _get(file, FACTS)[-_SEAL:]
    if data.count(seal) != 1 or _digest(data, seal) != seal:
        raise ValueError("its bytes do not match their SHA-256")


def read_facts(file: File) -> dict[str, Any]:
    """What `put_metadata` wrote, without the numbers of the probes.

    Raises:
        ValueError: when the file has none.
    """
    return _content(file)[0]


def read_probes(file: File) -> tuple[Probes, float]:
    """The probes, their outputs thinned, and the tolerance.

    Raises:
        ValueError, KeyError: when the file has none.
    """
    facts, numbers = _content(file)
    return restored(facts, numbers), float(facts["tolerance"])


def _content(file: File) -> tuple[dict[str, Any], bytes]:
    """All that is told in JSON, and the numbers that it tells of."""
    first, _, deflated = _get(file, FACTS)[:-_SEAL].partition(b"\n")
    try:
        second, _, numbers = zlib.decompress(deflated).partition(b"\n")
        return _USUAL | json.loads(first) | json.loads(second), numbers
    except (ValueError, TypeError, zlib.error) as error:
        raise ValueError(f"it is no export of tfqd, or damaged: {error}") from error


def _place_of_seal(content: bytes) -> bytes:
    """Bytes that are found nowhere else in the file, until the seal is known."""
    return hashlib.sha256(content).digest()


def _digest(data: bytes, place: bytes) -> bytes:
    return hashlib.sha256(data.replace(place, bytes(_SEAL))).digest()


def _deflated(text: bytes, numbers: bytes) -> bytes:
    """Both in one stream, each by the frequencies of its own bytes."""
    stream = zlib.compressobj(9)
    first = stream.compress(text) + stream.flush(zlib.Z_BLOCK)
    return first + stream.compress(numbers) + stream.flush()


def _line(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, separators=(",", ":")).encode() + b"\n"


def _told(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec's kind, bits and what is not its kind's default; `tfqd.Spec.from_dict` reads it."""
    default = defaults(spec["kind"])
    return {
        field: value
        for field, value in spec.items()
        if field in ("kind", "bits") or field not in default or value != default[field]
    }


def _get(file: File, name: str) -> bytes:
    for entry in file.model.metadata or []:
        if entry.name == name.encode():
            return bytes(file.model.buffers[entry.buffer].data)
    raise ValueError(f"it has no metadata {name!r}")
