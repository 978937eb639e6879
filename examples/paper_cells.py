"""Means over the seeds of what `cifar10_paper.py` measured, of one experiment alone."""

import collections
import statistics
from typing import Any, NamedTuple

RECIPES = ("paper", "modern")
# What must be equal in all rows of a student by a recipe, and in all rows.
OF_A_STUDENT = ("float_epochs", "budget", "batch", "precision")
OF_ALL = ("data", "teacher", "teacher_digest")


class Cell(NamedTuple):
    """One run's means over its seeds; the deviation is None of a single one."""

    accuracy: float
    deviation: float | None
    bytes: float
    paper_bytes: float | None
    epochs: float
    seeds: int


Cells = dict[tuple[str, str, str], Cell]


def cells(ours: dict[str, Any]) -> Cells:
    """Means over seeds by recipe, student and run.

    Of several rows of one seed the first counts.

    Raises:
        ValueError: when rows are of several experiments.
    """
    rows = ours["rows"]
    _check_alike(rows, OF_ALL, "rows")
    groups: dict[tuple[str, str, str], dict[int, dict[str, Any]]] = collections.defaultdict(dict)
    for row in rows:
        groups[row["recipe"], row["student"], row["run"]].setdefault(row["seed"], row)
    trained = {(row["recipe"], row["student"]) for row in rows if row["student"] != "teacher"}
    for recipe, student in sorted(trained):
        alike = [row for row in rows if (row["recipe"], row["student"]) == (recipe, student)]
        _check_alike(alike, OF_A_STUDENT, f"rows of {student} by the recipe {recipe!r}")
    return {key: _mean(list(seeds.values())) for key, seeds in groups.items()}


def _check_alike(rows: list[dict[str, Any]], names: tuple[str, ...], what: str) -> None:
    for name in names:
        found = sorted({str(row[name]) for row in rows})
        if len(found) > 1:
            raise ValueError(f"{what} must be alike in {name}; got {' and '.join(found)}")


def _mean(rows: list[dict[str, Any]]) -> Cell:
    def mean(name: str) -> float:
        return sum(row[name] for row in rows) / len(rows)

    paper_bytes = mean("paper_bytes") if "paper_bytes" in rows[0] else None
    epochs = sum(row.get("epochs", 0) for row in rows) / len(rows)
    accuracies = [row["accuracy"] for row in rows]
    deviation = statistics.stdev(accuracies) if len(rows) > 1 else None
    return Cell(mean("accuracy"), deviation, mean("bytes"), paper_bytes, epochs, len(rows))
