"""The table of `docs/benchmarks.md` that tells range, layout and code length of codebooks apart.

    python examples/factors_table.py

Prints it from `examples/results/cifar10_resnet8_factors.json`;
`tests/examples/resnet8_factors_test.py` holds page and results equal.
"""

import itertools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from resnet8_factors import CODES, LAYOUTS, RANGES, name_of
from results_file import mean_and_deviation

RESULTS = pathlib.Path(__file__).parent / "results" / "cifar10_resnet8_factors.json"
HEADS = ("range", "one for", "levels of a code", "accuracy", "bytes")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Accuracy and mean bytes for each choice of the three properties, as Markdown.

    Args:
        rows: of `cifar10_resnet8.py`, runs of `resnet8_factors.FACTORS`.
    """
    lines = [f"| {' | '.join(HEADS)} |", "|---|---|---|---:|---:|"]
    for scale, layout, codes in itertools.product(RANGES, LAYOUTS, CODES):
        of_run = [row for row in rows if row["run"] == name_of(scale, layout, codes)]
        accuracy = mean_and_deviation([row["accuracy"] for row in of_run])
        stored = sum(row["bytes"] for row in of_run) / len(of_run)
        cells = (RANGES[scale], LAYOUTS[layout], CODES[codes], accuracy, f"{stored:,.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]))
