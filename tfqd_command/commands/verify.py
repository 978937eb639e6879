"""Runs an exported file on its probes and compares the answers.

FILE is a .tfqd archive of any name, a .tflite or .keras file or a SavedModel's folder, as
tfqd has written it. A SavedModel's graph is executed: verify those you trust.
"""

from absl import flags

from tfqd_command.command import Result

ARGUMENTS = ("FILE",)


def define_flags(values: flags.FlagValues) -> None:
    """It has none."""


def check(arguments: list[str], values: flags.FlagValues) -> None:
    """Any path may be asked for."""


def run(arguments: list[str], values: flags.FlagValues) -> Result:
    from tfqd import export
    from tfqd.export.paths import naming

    (path,) = arguments
    with naming(path):
        found = export.verify(path)
    return Result(
        {
            "source": path,
            "kind": found.kind,
            "largest_difference": found.largest_difference,
            "tolerance": found.tolerance,
        },
        f"{path} agrees with the model it was made from: largest difference "
        f"{found.largest_difference:.2g} of the largest output, at most {found.tolerance:.2g}",
    )
