"""What tfqd keeps in a TFLite file besides the model: what it is, and its probes."""

import json
import zlib
from typing import Any

from tensorflow.lite.python import schema_py_generated as schema

from tfqd.compressed import Probes
from tfqd.export import probes as probing
from tfqd.export.litert.flatbuffer import File
from tfqd.export.litert.lowering import Row
from tfqd.version import __version__

# Names in the file's list of metadata.
FACTS = "tfqd"
PROBES = "tfqd_probes"


def put_metadata(file: File, rows: list[Row], exact: float, probes: Probes, tolerance: float):
    """Adds tfqd's version, each weight's spec and type, and the probes.

    Args:
        file: changed.
        rows: what became of the weights.
        exact: how far the answers of the file's float form may be off.
        probes: what the model answers.
        tolerance: how far the file's own answers may be off.
    """
    specs = [json.dumps(row.spec, sort_keys=True) for row in rows]
    # Few specs serve many weights.
    kinds = list(dict.fromkeys(specs))
    facts = {
        "version": __version__,
        "exact": exact,
        "specs": [json.loads(kind) for kind in kinds],
        "weights": [
            [row.path, kinds.index(spec), row.type] for row, spec in zip(rows, specs, strict=True)
        ],
    }
    # The converter's own speak of the float file that it made.
    file.model.metadata = []
    _put(file, FACTS, json.dumps(facts, separators=(",", ":")).encode())
    _put(file, PROBES, zlib.compress(probing.to_bytes(probes, tolerance, compressed=False), 9))


def read_facts(file: File) -> dict[str, Any]:
    """What `put_metadata` wrote of the weights.

    Raises:
        ValueError: when the file has none.
    """
    try:
        return json.loads(_get(file, FACTS))
    except ValueError as error:
        raise ValueError(f"it is no export of tfqd, or damaged: {error}") from error


def read_probes(file: File) -> tuple[Probes, float]:
    """The probes, their outputs thinned, and the tolerance.

    Raises:
        ValueError, KeyError, OSError, zipfile.BadZipFile, zlib.error: when the file has none.
    """
    return probing.from_bytes(zlib.decompress(_get(file, PROBES)))


def _put(file: File, name: str, data: bytes) -> None:
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, file.add_buffer(data)
    file.model.metadata = [*(file.model.metadata or []), entry]


def _get(file: File, name: str) -> bytes:
    for entry in file.model.metadata or []:
        if entry.name == name.encode():
            return bytes(file.model.buffers[entry.buffer].data)
    raise ValueError(f"it has no metadata {name!r}")
