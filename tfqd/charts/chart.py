"""The kinds of charts."""

from collections.abc import Sequence
from typing import NamedTuple


class Mark(NamedTuple):
    """A named point."""

    name: str
    x: float
    y: float


class Marks(NamedTuple):
    """Named points, a colour each; x is positive and on a logarithmic axis."""

    title: str
    x_label: str
    y_label: str
    marks: Sequence[Mark]


class Line(NamedTuple):
    """A line through points.

    colour: its number in a palette; None for one that stays in the background.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int | None


class Lines(NamedTuple):
    """Lines over a common axis; a legend names them where they differ in colour."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]

    @property
    def legend(self) -> list[Line]:
        """The lines that a legend names."""
        coloured = [line for line in self.lines if line.colour is not None]
        return coloured if len({line.colour for line in coloured}) > 1 else []


class Bar(NamedTuple):
    """A bar.

    value: its length.
    text: what to write for it.
    """

    name: str
    value: float
    text: str


class Bars(NamedTuple):
    """Bars from the top to the bottom."""

    title: str
    x_label: str
    bars: Sequence[Bar]


class Histogram(NamedTuple):
    """How often values occur, and rules at some of them.

    edges: of the bins, one more than counts.
    rules: the values at which a rule is drawn.
    """

    title: str
    x_label: str
    edges: Sequence[float]
    counts: Sequence[int]
    rules: Sequence[float]


class Ring(NamedTuple):
    """A closed line around the centre of a radar.

    values: one a spoke, from 0 in the centre to 1.
    """

    name: str
    values: Sequence[float]


class Radar(NamedTuple):
    """Rings over common spokes, a colour each; the first spoke points up."""

    title: str
    spokes: Sequence[str]
    rings: Sequence[Ring]


Chart = Marks | Lines | Bars | Histogram | Radar
