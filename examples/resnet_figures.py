"""Draws the figures of `docs/benchmarks.md`: all ResNet students in the committed results.

    python examples/resnet_figures.py

Accuracy against bytes of the `.tfqd` files, of `cifar10_resnet8.py`, `prune_resnet8.py` and
`couple_resnet20.py`: `docs/resnet8.svg`, `docs/resnet20.svg`, and `docs/resnet8_pruned.svg`
with the pruned ones down to the lowest, beside entropy-constrained ones, and
`docs/resnet8_curves.svg` with all methods by one protocol. Rings were trained
for fewer than six epochs or not at all.
`tests/examples/resnet_figures_test.py` holds figures and results equal.
"""

import functools
import json
import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from bytes_figure import Mark, draw

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "examples" / "results"
COLOURS = {
    "learned step": "#3457d5",
    "bits allotted": "#0b7285",
    "codebook": "#2b8a3e",
    "points alone": "#9c36b5",
    "entropy-constrained": "#d9480f",
    "pruned": "#495057",
    "pruned, two phases": "#e6a700",
    "coupled": "#c2255c",
    "one step a channel": "#4dabf7",
    "levels about 0": "#868e96",
    "entropy-constrained points": "#f783ac",
}
# The first part of a run's name that says what it is.
GROUPS = {
    "curve_learned": "learned step",
    "curve_channel": "one step a channel",
    "curve_even": "levels about 0",
    "curve_allotted": "bits allotted",
    "curve_points": "codebook",
    "curve_chosen_points": "entropy-constrained points",
    "curve_chosen": "entropy-constrained",
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


class Figure(NamedTuple):
    """A figure of some of the students.

    sources: what gives their marks.
    ends: accuracies at the bottom and at the top; what is below is not drawn.
    step: between the accuracies that are written.
    """

    sources: tuple[Callable[[], Iterator[Mark]], ...]
    ends: tuple[int, int]
    step: int = 2

    def marks(self) -> list[Mark]:
        """One for each row with quantized weights that is not below the figure."""
        every = (mark for source in self.sources for mark in source())
        return [mark for mark in every if mark.accuracy >= self.ends[0]]

    def drawing(self) -> str:
        """The figure as SVG."""
        marks = self.marks()
        groups = {mark.group for mark in marks}
        colours = {group: colour for group, colour in COLOURS.items() if group in groups}
        return draw(marks, colours, self.ends, self.step)


def _trained() -> Iterator[Mark]:
    for row in _rows("cifar10_resnet8.json"):
        if row["spec"] is not None:
            epochs = row.get("epochs", 0)
            yield _mark(row, row["run"], row["bytes"], row["accuracy"], epochs >= 6)


def _to_bytes() -> Iterator[Mark]:
    for row in _rows("cifar10_resnet8_bytes.json"):
        yield _mark(row, row["run"], row["bytes"], row["accuracy"], row["epochs"] >= 6)


def _curves() -> Iterator[Mark]:
    for row in _rows("cifar10_resnet8_curves.json"):
        yield _mark(row, row["run"], row["bytes"], row["accuracy"], True)


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


_PRUNED = {network: functools.partial(_pruned, network) for network in ("resnet8", "resnet20")}
_COUPLED = {network: functools.partial(_coupled, network) for network in ("resnet8", "resnet20")}
FIGURES = {
    "resnet8": Figure((_trained, _to_bytes, _PRUNED["resnet8"], _COUPLED["resnet8"]), (74, 90)),
    "resnet8_pruned": Figure((_to_bytes, _PRUNED["resnet8"]), (34, 90), 4),
    "resnet8_curves": Figure((_curves,), (78, 90)),
    "resnet20": Figure((_PRUNED["resnet20"], _COUPLED["resnet20"]), (72, 90)),
}


def path_of(name: str) -> pathlib.Path:
    """Where a figure is."""
    return ROOT / "docs" / f"{name}.svg"


def main() -> None:
    for name, figure in FIGURES.items():
        path_of(name).write_text(figure.drawing(), encoding="utf-8")


if __name__ == "__main__":
    main()
