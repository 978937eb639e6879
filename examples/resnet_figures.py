"""Draws `docs/resnet8.svg` and `docs/resnet20.svg`: all students in the committed results.

    python examples/resnet_figures.py

Accuracy against bytes of the `.tfqd` files, of `cifar10_resnet8.py`, `prune_resnet8.py` and
`couple_resnet20.py`. Rings were trained for fewer than six epochs or not at all.
`tests/examples/resnet_figures_test.py` holds figures and results equal.
"""

import json
import pathlib
from collections.abc import Iterator

from bytes_figure import Mark, draw

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "examples" / "results"
FIGURES = {name: ROOT / "docs" / f"{name}.svg" for name in ("resnet8", "resnet20")}
# Accuracies at the bottom and at the top; what is below is not drawn.
ENDS = (74, 90)
COLOURS = {
    "learned step": "#3457d5",
    "bits allotted": "#0b7285",
    "codebook": "#2b8a3e",
    "points alone": "#9c36b5",
    "entropy-constrained": "#d9480f",
    "pruned": "#495057",
    "pruned, two phases": "#e6a700",
    "coupled": "#c2255c",
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
    "bytes": "entropy-constrained",
    "distilled": "learned step",
    "taught": "learned step",
    "control": "learned step",
    "uniform": "learned step",
    "labels_0_": "learned step",
    "labels": "pruned",
    "mutual": "pruned, two phases",
    "coupled": "coupled",
    "kmeans": "codebook",
    "quantile": "codebook",
}


def main() -> None:
    for network, figure in FIGURES.items():
        figure.write_text(drawing(network), encoding="utf-8")


def drawing(network: str) -> str:
    found = list(marks(network))
    groups = {mark.group for mark in found}
    colours = {group: colour for group, colour in COLOURS.items() if group in groups}
    return draw(found, colours, ENDS, 2)


def marks(network: str) -> Iterator[Mark]:
    """One for each row with quantized weights that is not below the figure."""
    trained = _trained() if network == "resnet8" else ()
    for mark in (*trained, *_pruned(network), *_coupled(network)):
        if mark.accuracy >= ENDS[0]:
            yield mark


def _trained() -> Iterator[Mark]:
    for file in ("cifar10_resnet8.json", "cifar10_resnet8_bytes.json"):
        for row in _rows(file):
            if row["spec"] is not None:
                epochs = row.get("epochs", 0)
                yield _mark(row, row["run"], row["bytes"], row["accuracy"], epochs >= 6)


def _pruned(network: str) -> Iterator[Mark]:
    for row in _rows(f"prune_{network}.json"):
        name = f"{row['run']} of prune_resnet8"
        yield _mark(row, name, row["bytes"], 100 * row["accuracy"], False)


def _coupled(network: str) -> Iterator[Mark]:
    for row in _rows(f"couple_{network}.json"):
        # A coupling that is refused has no points to train with.
        if row.get("trained") is not None:
            trained, name = row["trained"], f"{row['run']} of couple_resnet20"
            yield _mark(row, name, trained["bytes"], 100 * trained["accuracy"], False)


def _mark(row: dict, name: str, size: int, accuracy: float, filled: bool) -> Mark:
    group = next(GROUPS[first] for first in GROUPS if row["run"].startswith(first))
    return Mark(f"{name}, seed {row['seed']}", group, size, accuracy, filled)


def _rows(file: str) -> list[dict]:
    return json.loads((RESULTS / file).read_text(encoding="utf-8"))["rows"]


if __name__ == "__main__":
    main()
