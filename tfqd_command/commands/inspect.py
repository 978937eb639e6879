"""Shows what is in a file: shape, type, levels, entropy and bytes of every tensor.

FILE is a .tfqd archive of any name, a .keras, .h5, .tflite or .safetensors file or a
SavedModel. The entropy is that of the codes, in bits per weight: no coding takes fewer. In
quantized .keras files weights are stored as floats, and in SavedModels codes are packed
together.
"""

import math
import pathlib

from absl import flags

from tfqd_command.command import Result
from tfqd_command.tables import table
from tfqd_command.tensors import tensors_in

ARGUMENTS = ("FILE",)


def define_flags(values: flags.FlagValues) -> None:
    """It has none."""


def check(arguments: list[str], values: flags.FlagValues) -> None:
    """Any path may be asked for."""


def run(arguments: list[str], values: flags.FlagValues) -> Result:
    from tfqd.export.saved_model_file import bytes_read

    (path,) = arguments
    rows = tensors_in(path)
    total = {
        "tensors": len(rows),
        "weights": sum(math.prod(row.shape) for row in rows),
        "bytes": sum(row.bytes for row in rows),
        "file_bytes": bytes_read(pathlib.Path(path)),
    }
    cells: list[tuple] = [
        (
            row.name,
            "x".join(map(str, row.shape)) or "scalar",
            row.type,
            row.bits,
            row.levels,
            row.entropy,
            row.bytes,
        )
        for row in rows
    ]
    cells.append(("total", f"{total['weights']:,}", None, None, None, None, total["bytes"]))
    return Result(
        {"source": path, "tensors": [row._asdict() for row in rows], "total": total},
        table(
            ("tensor", "shape", "type", "bits", "levels", "entropy", "bytes"),
            cells,
            f"the whole file: {total['file_bytes']:,} bytes",
        ),
    )
