"""Charts drawn as SVG, in the colours of the page's style."""

import math
import textwrap
from collections.abc import Callable, Sequence
from xml.etree.ElementTree import Element

from tfqd.charts.chart import Bars, Chart, Histogram, Line, Lines, Marks, Radar
from tfqd.charts.palette import LIGHT
from tfqd.page.axis import Axis
from tfqd.page.elements import element

_WIDTH, _HEIGHT = 400, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 392, 24, 196
_ROW, _BAR = 34, 8
_MOST_RULES = 32
_WIDE, _NARROW = 6.4, 3.0
_RADAR, _RADIUS = 290, 105
_LINE = 12


def figure(chart: Chart) -> Element:
    """A chart with its title and legend."""
    drawing, legend = _DRAWERS[type(chart)](chart)
    caption = element("figcaption", element("h3", chart.title))
    return element("figure", caption, drawing, *([legend] if legend is not None else []))


def _marks(chart: Marks) -> tuple[Element, Element | None]:
    x = Axis([mark.x for mark in chart.marks], _LEFT, _RIGHT, log=True, margin=0.08)
    y = Axis([mark.y for mark in chart.marks], _BOTTOM, _TOP, margin=0.1)
    drawing = _frame(chart, x, y, _compact)
    for place, (name, size, score) in enumerate(chart.marks):
        tip = element("title", f"{name}: {size:,} {chart.x_label}, {score:.4g} {chart.y_label}")
        colour = f"fill{place % len(LIGHT)}"
        drawing.append(element("circle", tip, cx=x(size), cy=y(score), r=5, class_=colour))
    return drawing, _legend([(mark.name, place) for place, mark in enumerate(chart.marks)])


def _lines(chart: Lines) -> tuple[Element, Element | None]:
    x = Axis([value for line in chart.lines for value in line.x], _LEFT, _RIGHT, whole=True)
    y = Axis([value for line in chart.lines for value in line.y], _BOTTOM, _TOP, margin=0.05)
    drawing = _frame(chart, x, y, _short)
    for line in sorted(chart.lines, key=lambda line: line.colour is not None):
        drawing.append(_path(line, x, y))
    named = [(line.name, line.colour) for line in chart.legend if line.colour is not None]
    return drawing, _legend(named) if named else None


def _path(line: Line, x: Axis, y: Axis) -> Element:
    points = [(x(a), y(b)) for a, b in zip(line.x, line.y, strict=True) if math.isfinite(b)]
    style = "background" if line.colour is None else f"stroke{line.colour % len(LIGHT)}"
    tip = element("title", line.name)
    if len(points) == 1:  # a line of one point is not to be seen
        (left, top), *_ = points
        points = [(left - 3, top), (left + 3, top)]
    text = " ".join(f"{left:.1f},{top:.1f}" for left, top in points)
    return element("polyline", tip, points=text, class_=f"line {style}")


def _bars(chart: Bars) -> tuple[Element, Element | None]:
    height = _ROW * len(chart.bars) + 4
    drawing = _empty(chart.title, height)
    width = Axis([0.0, *(bar.value for bar in chart.bars)], 0, _WIDTH)
    for row, (name, value, text) in enumerate(chart.bars):
        top = _ROW * row
        room = int((_WIDTH - _WIDE * len(text) - 12) / _WIDE)
        shown = name if len(name) <= room else f"...{name[-room + 3 :]}"
        tip = element("title", f"{name}: {text}")
        drawing.append(element("text", tip, shown, x=0, y=top + 14, class_="name"))
        _write(drawing, text, _WIDTH, top + 14, "end")
        for kind, length in (("track", _WIDTH), ("fill0", max(width(value), 1.5))):
            drawing.append(
                element("rect", x=0, y=top + 20, width=length, height=_BAR, rx=2, class_=kind)
            )
    return drawing, None


def _histogram(chart: Histogram) -> tuple[Element, Element | None]:
    x = Axis([*chart.edges, *chart.rules], _NARROW, _WIDTH - _NARROW, margin=0.02)
    y = Axis([0, *chart.counts], _BOTTOM, _TOP)
    drawing = _empty(chart.title)
    outline = [f"M{x(chart.edges[0]):.1f},{_BOTTOM}"]
    for left, right, count in zip(chart.edges, chart.edges[1:], chart.counts, strict=False):
        outline.append(f"L{x(left):.1f},{y(count):.1f}H{x(right):.1f}")
    outline.append(f"V{_BOTTOM}Z")
    drawing.append(element("path", d="".join(outline), class_="area"))
    for rule in chart.rules:
        tip, place = element("title", f"{rule:.4g}"), x(rule)
        # Many rules would hide what is between them.
        end = _BOTTOM if len(chart.rules) <= _MOST_RULES else _TOP + 4
        drawing.append(element("line", tip, x1=place, x2=place, y1=_TOP - 6, y2=end, class_="rule"))
    _write_x_ticks(drawing, x, _short, chart.x_label)
    return drawing, None


def _radar(chart: Radar) -> tuple[Element, Element | None]:
    drawing = _empty(chart.title, _RADAR)
    spokes = len(chart.spokes)
    for level in (0.25, 0.5, 0.75, 1.0):
        drawing.append(_polygon([level] * spokes, class_="web"))
    for place, name in enumerate(chart.spokes):
        across, up = _direction(place, spokes)
        anchor = "middle" if abs(across) < 0.3 else "start" if across > 0 else "end"
        x, y = _at(1.08, place, spokes)
        _write_lines(drawing, _wrapped(name, x, anchor), x, y + 4 - 4 * up, anchor)
    for place, ring in enumerate(chart.rings):
        shares = ", ".join(
            f"{name} {value:.2f}" for name, value in zip(chart.spokes, ring.values, strict=True)
        )
        tip = element("title", f"{ring.name}: {shares}")
        style = f"line stroke{place % len(LIGHT)}"
        drawing.append(_polygon(ring.values, tip, class_=style))
    return drawing, _legend([(ring.name, place) for place, ring in enumerate(chart.rings)])


def _polygon(values: Sequence[float], *content: Element, class_: str) -> Element:
    corners = (_at(value, place, len(values)) for place, value in enumerate(values))
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return element("polygon", *content, points=points, class_=class_)


def _at(value: float, place: int, spokes: int) -> tuple[float, float]:
    """Where a value lies on a spoke."""
    across, up = _direction(place, spokes)
    return _WIDTH / 2 + _RADIUS * value * across, _RADAR / 2 - _RADIUS * value * up


def _direction(place: int, spokes: int) -> tuple[float, float]:
    turn = 2 * math.pi * place / spokes
    return math.sin(turn), math.cos(turn)


_DRAWERS: dict[type, Callable] = {
    Marks: _marks,
    Lines: _lines,
    Bars: _bars,
    Histogram: _histogram,
    Radar: _radar,
}


def _frame(chart: Marks | Lines, x: Axis, y: Axis, x_text: Callable[[float], str]) -> Element:
    """The axes, with lines at the values that are written."""
    drawing = _empty(chart.title)
    for tick in y.ticks:
        height = y(tick)
        drawing.append(element("line", x1=_LEFT, x2=_RIGHT, y1=height, y2=height, class_="grid"))
        _write(drawing, _short(tick), _LEFT - 6, height + 4, "end")
    _write(drawing, chart.y_label, 0, 12, "start")
    _write_x_ticks(drawing, x, x_text, chart.x_label)
    return drawing


def _write_x_ticks(drawing: Element, x: Axis, text: Callable[[float], str], label: str) -> None:
    drawing.append(element("line", x1=x.start, x2=x.end, y1=_BOTTOM, y2=_BOTTOM, class_="base"))
    for tick in x.ticks:
        _write(drawing, text(tick), x(tick), _BOTTOM + 15, "middle")
    _write(drawing, label, x.end, _HEIGHT - 3, "end")


def _write(drawing: Element, text: str, x: float, y: float, anchor: str) -> None:
    drawing.append(element("text", text, x=x, y=y, text_anchor=anchor))


def _wrapped(text: str, x: float, anchor: str) -> list[str]:
    """The text, in as many lines as it takes to stay within the drawing."""
    room = {"start": _WIDTH - x, "end": x, "middle": 2 * min(x, _WIDTH - x)}[anchor]
    return textwrap.wrap(text, max(1, int(room / _WIDE)), break_long_words=False)


def _write_lines(drawing: Element, lines: Sequence[str], x: float, y: float, anchor: str) -> None:
    """Writes lines around a height."""
    for place, line in enumerate(lines):
        _write(drawing, line, x, y + _LINE * (place - (len(lines) - 1) / 2), anchor)


def _empty(title: str, height: float = _HEIGHT) -> Element:
    return element("svg", viewBox=f"0 0 {_WIDTH} {height}", role="img", aria_label=title)


def _legend(named: Sequence[tuple[str, int]]) -> Element:
    items = [
        element("li", element("span", class_=f"dot back{colour % len(LIGHT)}"), name)
        for name, colour in named
    ]
    return element("ul", items, class_="legend")


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _compact(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {letter}"
    return f"{value:g}"
