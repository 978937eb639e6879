"""Distils and quantizes a digit classifier, and prints a table (under 3 minutes).

Trains a teacher and a small student on scikit-learn's digits, quantizes the
student, and writes the models and a report. Needs pip install 'tfqd[demo]'.
"""

import pathlib

from absl import flags

from tfqd_command.command import Result, UsageError

ARGUMENTS = ()


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("output", "tfqd_demo", "folder for the results", flag_values=values)
    flags.DEFINE_integer(
        "seed", 0, "seed of data split, weights and batches", 0, flag_values=values
    )


def check(arguments: list[str], values: flags.FlagValues) -> None:
    if not values.output:
        raise UsageError("--output must name a folder; got an empty text")


def run(arguments: list[str], values: flags.FlagValues) -> Result:
    from rich.console import Console

    from tfqd.extras import needing

    with needing("demo", "the digits of the demo"):
        from tfqd import demo
    rows = demo.run(pathlib.Path(values.output), Console(), values.seed)
    return Result({"folder": values.output, "rows": [row._asdict() for row in rows]})
