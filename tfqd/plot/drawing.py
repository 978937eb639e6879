"""Charts drawn by matplotlib."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfqd.charts.chart import Bars, Chart, Histogram, Lines, Marks, Radar
from tfqd.charts.palette import LIGHT, MUTED
from tfqd.charts.ticks import log_ticks
from tfqd.extras import needing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In inches: of a chart among others and of one alone, of any and of a bar.
_WIDTH, _ALONE, _HEIGHT, _BAR_HEIGHT = 4.6, 6.4, 2.9, 0.32


def figure_of(charts: Sequence[Chart]) -> "Figure":
    """A figure of some charts, up to three beside one another.

    Raises:
        ModuleNotFoundError: without matplotlib (``pip install 'tfqd[plot]'``).
    """
    with needing("plot", "plots"):
        from matplotlib.figure import Figure

    columns = min(len(charts), 3)
    rows = -(-len(charts) // columns)
    width = _WIDTH * columns if columns > 1 else _ALONE
    figure = Figure((width, rows * max(map(_height, charts))), layout="constrained")
    cells = [*figure.subplots(rows, columns, squeeze=False).flat]
    for chart, axes in zip(charts, cells, strict=False):
        _draw(chart, axes)
    for axes in cells[len(charts) :]:
        axes.remove()
    return figure


def _height(chart: Chart) -> float:
    return 1 + _BAR_HEIGHT * len(chart.bars) if isinstance(chart, Bars) else _HEIGHT


def _draw(chart: Chart, axes: "Axes") -> None:
    axes.set_title(chart.title, fontsize=10, loc="left")
    if isinstance(chart, Radar):
        _draw_radar(chart, axes)
        return
    axes.set_xlabel(chart.x_label, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if isinstance(chart, Marks):
        _draw_marks(chart, axes)
    elif isinstance(chart, Lines):
        _draw_lines(chart, axes)
    elif isinstance(chart, Bars):
        _draw_bars(chart, axes)
    else:
        _draw_histogram(chart, axes)


def _draw_marks(chart: Marks, axes: "Axes") -> None:
    for place, (name, x, y) in enumerate(chart.marks):
        axes.plot(x, y, "o", color=LIGHT[place % len(LIGHT)], label=name)
    axes.margins(0.1)
    axes.set_xscale("log")
    ticks = log_ticks(*axes.get_xlim())
    axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    axes.minorticks_off()
    axes.set_ylabel(chart.y_label, fontsize=9)
    axes.grid(color=MUTED, alpha=0.3)
    axes.legend(fontsize=8)


def _draw_lines(chart: Lines, axes: "Axes") -> None:
    for name, x, y, colour in chart.lines:
        drawn = MUTED if colour is None else LIGHT[colour % len(LIGHT)]
        axes.plot(x, y, color=drawn, linewidth=0.8 if colour is None else 1.5, label=name)
    axes.set_ylabel(chart.y_label, fontsize=9)
    axes.locator_params(axis="x", integer=True)
    axes.grid(color=MUTED, alpha=0.3)
    if chart.legend:
        axes.legend(fontsize=8)


def _draw_bars(chart: Bars, axes: "Axes") -> None:
    bars = axes.barh(
        range(len(chart.bars)), [bar.value for bar in chart.bars], color=LIGHT[0], height=0.6
    )
    axes.set_yticks(range(len(chart.bars)), [bar.name for bar in chart.bars])
    axes.bar_label(bars, [bar.text for bar in chart.bars], padding=3, fontsize=8)
    axes.margins(x=0.4)
    axes.set_xlim(left=0)
    axes.invert_yaxis()


def _draw_histogram(chart: Histogram, axes: "Axes") -> None:
    axes.stairs(chart.counts, chart.edges, fill=True, color=LIGHT[0], alpha=0.5)
    for rule in chart.rules:
        axes.axvline(rule, color=LIGHT[1], linewidth=0.9, alpha=min(1.0, 8 / len(chart.rules)))
    axes.set_ylabel("weights", fontsize=9)
    axes.set_ylim(0, 1.05 * max(chart.counts))


def _draw_radar(chart: Radar, axes: "Axes") -> None:
    spokes = len(chart.spokes)
    turns = [2 * math.pi * place / spokes for place in range(spokes)]
    for level in (0.25, 0.5, 0.75, 1.0):
        _draw_ring([level] * spokes, turns, axes, color=MUTED, alpha=0.3)
    for place, ring in enumerate(chart.rings):
        colour = LIGHT[place % len(LIGHT)]
        _draw_ring(ring.values, turns, axes, color=colour, label=ring.name)
    for name, turn in zip(chart.spokes, turns, strict=True):
        across = math.sin(turn)
        side = "center" if abs(across) < 0.3 else "left" if across > 0 else "right"
        axes.text(1.08 * across, 1.08 * math.cos(turn), name, fontsize=8, ha=side, va="center")
    axes.set(xlim=(-1.9, 1.9), ylim=(-1.3, 1.3), aspect="equal")
    axes.axis("off")
    axes.legend(fontsize=8, loc="upper left")


def _draw_ring(values: Sequence[float], turns: Sequence[float], axes: "Axes", **style) -> None:
    corners = [
        (value * math.sin(turn), value * math.cos(turn))
        for value, turn in zip(values, turns, strict=True)
    ]
    axes.plot(*zip(*corners, corners[0], strict=True), **style)
