"""Two tables of `docs/benchmarks.md`: what a codebook of 2 bits owes to what, and others' methods.

    python examples/codebook_tables.py

Prints them from `cifar10_resnet8_factors.json` and `cifar10_resnet8_trials.json` in
`examples/results/`; `tests/examples/codebook_tables_test.py` holds page and results equal.
"""

import itertools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from markdown_tables import markdown_table
from resnet8_factors import CODES, LAYOUTS, RANGES, name_of
from resnet8_trials import NAMES
from results_file import mean_and_deviation

FIGURES = ("accuracy", "bytes")
RESULTS = pathlib.Path(__file__).parent / "results"

Rows = Sequence[Mapping[str, Any]]


def factors_table(rows: Rows) -> str:
    """Accuracy and mean bytes for each choice of three properties, as Markdown.

    Args:
        rows: of `cifar10_resnet8.py`, runs of `resnet8_factors.FACTORS`.
    """
    heads = ("range", "one for", "levels of a code")
    lines = (
        (RANGES[scale], LAYOUTS[layout], CODES[codes], *_cells(rows, name_of(scale, layout, codes)))
        for scale, layout, codes in itertools.product(RANGES, LAYOUTS, CODES)
    )
    return markdown_table([*heads, *FIGURES], lines)


def trials_table(rows: Rows) -> str:
    """Accuracy and mean bytes of each method, as Markdown.

    Args:
        rows: of `cifar10_resnet8.py`, runs of `resnet8_trials.TRIALS`.
    """
    lines = ((name, *_cells(rows, f"trial_{trial}")) for trial, name in NAMES.items())
    return markdown_table(["2 bits", *FIGURES], lines)


def rows_of(name: str) -> list[dict[str, Any]]:
    """The committed rows of the factors or the trials."""
    path = RESULTS / f"cifar10_resnet8_{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["rows"]


def _cells(rows: Rows, run: str) -> tuple[str, str]:
    of_run = [row for row in rows if row["run"] == run]
    if not of_run:
        return "", ""
    stored = sum(row["bytes"] for row in of_run) / len(of_run)
    return mean_and_deviation([row["accuracy"] for row in of_run]), f"{stored:,.0f}"


if __name__ == "__main__":
    print(factors_table(rows_of("factors")), trials_table(rows_of("trials")), sep="\n\n")
