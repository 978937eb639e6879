"""Says what 8, 4, 3 and 2 bits would make of a float model.

MODEL is a .keras or .h5 file. Its kernels and embeddings are quantized in buckets of
256 weights, encoded in memory, and the bytes of the whole .tfqd archive counted.
Training makes archives smaller by some percent, and 2 and 3 bits usable.
"""

from absl import flags

from tfqd_command.command import Result
from tfqd_command.models import float_bytes, load_model
from tfqd_command.tables import table

ARGUMENTS = ("MODEL",)
BITS = (8, 4, 3, 2)


def define_flags(values: flags.FlagValues) -> None:
    """It has none."""


def check(arguments: list[str], values: flags.FlagValues) -> None:
    """Any path may be asked for."""


def run(arguments: list[str], values: flags.FlagValues) -> Result:
    import tfqd
    from tfqd.export.archive_file import archive_size

    (path,) = arguments
    model = load_model(path)
    before = float_bytes(model)
    found = []
    for bits in BITS:
        size = archive_size(tfqd.compress(tfqd.quantize_model(model, bits)))
        found.append({"bits": bits, "bytes": size, "ratio": before / size})
    rows = [(f"{each['bits']} bits", each["bytes"], each["ratio"]) for each in found]
    return Result(
        {"path": path, "float_bytes": before, "sizes": found},
        table(
            ("weights", "bytes", "ratio"),
            [("float", before, None), *rows],
            "bytes: of float the weights alone; else the whole .tfqd archive, without training",
        ),
    )
