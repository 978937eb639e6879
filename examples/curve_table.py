"""The table of `docs/benchmarks.md` that compares methods at five sizes.

    python examples/curve_table.py

Prints it from `examples/results/cifar10_resnet8_curves.json`;
`tests/examples/curve_table_test.py` holds page and results equal.
"""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from markdown_tables import markdown_table
from resnet8_curves import SIZES, name_of
from results_file import mean_and_deviation

RESULTS = pathlib.Path(__file__).parent / "results" / "cifar10_resnet8_curves.json"
METHODS = {
    "learned": "learned step",
    "even": "the same, as many levels below 0 as above",
    "channel": "one learned step a channel",
    "allotted": "learned step, bits allotted",
    "points": "codebook with a range of its own",
    "chosen": "codes chosen with their length in view",
    "chosen_points": "the same among trained points",
}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Accuracy and mean bytes of each method at each size, as Markdown.

    Args:
        rows: of `cifar10_resnet8.py`, runs named ``curve_METHOD_LEVELS`` or ``curve_METHOD_BYTES``.
    """
    heads = ["", *(f"{levels} levels" for levels in SIZES)]
    lines = [
        [name, *(_cell(rows, method, levels) for levels in SIZES)]
        for method, name in METHODS.items()
    ]
    return markdown_table(heads, lines)


def _cell(rows: Sequence[Mapping[str, Any]], method: str, levels: int) -> str:
    of_run = [row for row in rows if row["run"] == name_of(method, levels)]
    if not of_run:
        return ""
    stored = sum(row["bytes"] for row in of_run) / len(of_run)
    accuracy = mean_and_deviation([row["accuracy"] for row in of_run])
    return f"{accuracy} in {stored:,.0f}"


if __name__ == "__main__":
    print(table(json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]))
