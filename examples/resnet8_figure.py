"""Draws `docs/resnet8.svg`: all ResNet-8 students in the committed results.

    python examples/resnet8_figure.py

Accuracy against bytes of the `.tfqd` files, of `cifar10_resnet8.py` and `prune_resnet8.py`.
Rings were trained for fewer than six epochs or not at all.
`tests/examples/resnet8_figure_test.py` holds figure and results equal.
"""

import json
import pathlib
from collections.abc import Iterator

from bytes_figure import Mark, draw

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "examples" / "results"
FIGURE = ROOT / "docs" / "resnet8.svg"
# Accuracies at the bottom and at the top; what is below is not drawn.
ENDS = (74, 90)
COLOURS = {
    "learned step": "#3457d5",
    "bits allotted": "#0b7285",
    "codebook": "#2b8a3e",
    "points alone": "#9c36b5",
    "entropy-constrained": "#d9480f",
    "pruned": "#495057",
}
# The first part of a run's name that says what it is.
GROUPS = {
    "post_training_budget": "bits allotted",
    "post_training_points": "points alone",
    "post_training": "learned step",
    "budget": "bits allotted",
    "points": "points alone",
    "codebook": "codebook",
    "own_range": "codebook",
    "cheap": "entropy-constrained",
    "distilled": "learned step",
    "taught": "learned step",
    "control": "learned step",
    "uniform": "learned step",
}


def main() -> None:
    FIGURE.write_text(draw(list(marks()), COLOURS, ENDS, 2), encoding="utf-8")


def marks() -> Iterator[Mark]:
    """One for each row with quantized weights that is not below the figure."""
    for mark in (*_trained(), *_pruned()):
        if mark.accuracy >= ENDS[0]:
            yield mark


def _trained() -> Iterator[Mark]:
    for file in ("cifar10_resnet8.json", "cifar10_resnet8_bytes.json"):
        for row in _rows(file):
            if row["spec"] is not None:
                group = next(GROUPS[name] for name in GROUPS if row["run"].startswith(name))
                name = f"{row['run']}, seed {row['seed']}"
                epochs = row.get("epochs", 0)
                yield Mark(name, group, row["bytes"], row["accuracy"], epochs >= 6)


def _pruned() -> Iterator[Mark]:
    for row in _rows("prune_resnet8.json"):
        name = f"{row['run']} of prune_resnet8, seed {row['seed']}"
        group = "pruned" if row["sparsity"] else "learned step"
        yield Mark(name, group, row["bytes"], 100 * row["accuracy"], False)


def _rows(file: str) -> list[dict]:
    return json.loads((RESULTS / file).read_text(encoding="utf-8"))["rows"]


if __name__ == "__main__":
    main()
