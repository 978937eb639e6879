"""Makes another file of a quantized model.

A is a .tfqd archive or a quantized .keras file. B ends in .tfqd, .tflite or .keras,
or in / for a SavedModel, which becomes the next version in that folder. B is run
on probe inputs before it appears, and holds the very weights of A.
"""

from absl import flags

from tfqd_command.command import Result
from tfqd_command.models import load_for_export
from tfqd_command.outputs import check_writable, kind_of, write

ARGUMENTS = ("A", "B")


def define_flags(values: flags.FlagValues) -> None:
    """It has none."""


def check(arguments: list[str], values: flags.FlagValues) -> None:
    kind_of(arguments[1])


def run(arguments: list[str], values: flags.FlagValues) -> Result:

    source, target = arguments
    check_writable(target)
    written = write(load_for_export(source), target)
    return Result(
        {"source": source, **written._asdict()},
        f"{written.path}: {written.bytes:,} bytes; it answers as {source} does, to "
        f"{written.largest_difference:.2g} of the largest output",
    )
