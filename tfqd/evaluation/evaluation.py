"""What came of an evaluation, as tables for people and JSON for programs."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from tfqd.evaluation.measures import MEASURES, SIDES, Measure
from tfqd.evaluation.scorer import retained as retained_of
from tfqd.report import render


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """What was measured of a float model and its compressed forms.

    Printing it gives a table a side; `to_dict` gives JSON values.

    reference: the name of the model that the others are held against.
    values: name of the model -> key of a `Measure` -> what was measured.
    classes: name -> class -> the share of its examples that are right; empty for a regression.
    corruptions: name -> corruption -> accuracy or RMS error, the mean of its strengths.
    compiled: name -> the loss and metrics that the reference was compiled with.
    notes: name -> why something was not measured, or what of.
    examples: how many examples it was measured on.
    """

    reference: str
    values: Mapping[str, Mapping[str, float]]
    classes: Mapping[str, Mapping[int, float]]
    corruptions: Mapping[str, Mapping[str, float]]
    compiled: Mapping[str, Mapping[str, float]]
    notes: Mapping[str, str]
    examples: int

    @property
    def retained(self) -> dict[str, dict[int, float]]:
        """name -> class -> its accuracy over the reference's, where that has any right."""
        if not self.classes:
            return {}
        before = self.classes[self.reference]
        return {name: retained_of(each, before) for name, each in self.classes.items()}

    @property
    def compiled_names(self) -> list[str]:
        """The names of the compiled metrics."""
        return list(dict.fromkeys(key for each in self.compiled.values() for key in each))

    def measures(self, side: str) -> list[Measure]:
        """What was measured of at least one model, on one of `tfqd.evaluation.SIDES`."""
        found = {key for values in self.values.values() for key in values}
        return [each for each in MEASURES.values() if each.side == side and each.key in found]

    def rows(self, measures: Sequence[Measure]) -> list[list[str]]:
        """A row a model: its name, and the measures as people read them."""
        return [
            [name, *(_cell(measure, values.get(measure.key)) for measure in measures)]
            for name, values in self.values.items()
        ]

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as JSON values; numbers that are not finite are None."""
        return _json({**dataclasses.asdict(self), "retained": self.retained})

    def __repr__(self) -> str:
        return (
            f"<Evaluation of {len(self.values)} models on {self.examples} examples, "
            f"held against {self.reference!r}>"
        )

    def __str__(self) -> str:
        tables = [self._table(side) for side in SIDES if self.measures(side)]
        if self.compiled:
            tables.append(self._compiled_table())
        notes = [f"{name}: {note}" for name, note in self.notes.items()]
        return "\n".join([*map(render, tables), *notes])

    def _table(self, side: str) -> Table:
        measures = self.measures(side)
        table = Table(title=side.capitalize())
        table.add_column("model", overflow="fold")
        for measure in measures:
            table.add_column(measure.title, justify="right")
        for row in self.rows(measures):
            table.add_row(*map(Text, row))
        return table

    def compiled_rows(self) -> list[list[str]]:
        """A row a model: its name, and the compiled metrics as people read them."""
        return [
            [name, *(format(values[key], ".4g") for key in self.compiled_names)]
            for name, values in self.compiled.items()
        ]

    def _compiled_table(self) -> Table:
        table = Table(title="As compiled")
        table.add_column("model", overflow="fold")
        for name in self.compiled_names:
            table.add_column(Text(name), justify="right", overflow="fold")
        for row in self.compiled_rows():
            table.add_row(*map(Text, row))
        return table


def _cell(measure: Measure, value: float | None) -> str:
    return "" if value is None else format(value, measure.shown)


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _json(each) for key, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
