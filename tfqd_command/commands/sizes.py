"""Says what 8, 4, 3 and 2 bits would make of a float model.

MODEL is a .keras or .h5 file. Its kernels and embeddings are quantized in buckets of
256 weights, encoded in memory, and the bytes of the whole .tfqd archive counted.
Training makes archives smaller by some percent, and 2 and 3 bits usable.
"""

from absl import flags

from tfqd_command.command import Result
from tfqd_command.models import load_model
from tfqd_command.tables import table

ARGUMENTS = ("MODEL",)


def define_flags(values: flags.FlagValues) -> None:
    """It has none."""


def check(arguments: list[str], values: flags.FlagValues) -> None:
    """Any path may be asked for."""


def run(arguments: list[str], values: flags.FlagValues) -> Result:
    import tfqd

    (path,) = arguments
    model = load_model(path)
    if tfqd.wrapping.quantized.is_quantized(model):
        raise ValueError(f"{path} is quantized already; tfqd inspect says what is in it")
    report = tfqd.size_report(model)
    before = report.total.float_bytes
    sizes = report.bytes_at_bits.items()
    found = [{"bits": bits, "bytes": size, "ratio": before / size} for bits, size in sizes]
    rows = [(f"{each['bits']} bits", each["bytes"], each["ratio"]) for each in found]
    return Result(
        {"source": path, "float_bytes": before, "sizes": found},
        table(
            ("weights", "bytes", "ratio"),
            [("float", before, None), *rows],
            "bytes: of float the weights alone; else the whole .tfqd archive, without training",
        ),
    )
