"""A figure of accuracy against stored bytes, as SVG."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

LEFT, RIGHT, TOP, BOTTOM = 70, 450, 30, 370
SIZES = (10_000, 20_000, 30_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 4_000_000)


class Mark(NamedTuple):
    """One model.

    name: what its tip says.
    group: what its colour says.
    bytes, accuracy: where it lies; accuracy in percent.
    filled: or a ring.
    """

    name: str
    group: str
    bytes: float
    accuracy: float
    filled: bool = True


def draw(
    marks: Sequence[Mark], colours: Mapping[str, str], ends: tuple[int, int], step: int
) -> str:
    """The figure.

    Args:
        marks: all models; bytes are on a scale of logarithms.
        colours: of the groups, in the order of the legend.
        ends: the accuracies at the bottom and at the top.
        step: between the accuracies that are written.
    """
    sizes = [math.log10(mark.bytes) for mark in marks]
    low, high = min(sizes) - 0.05, max(sizes) + 0.05

    def x_of(size: float) -> float:
        return LEFT + (RIGHT - LEFT) * (math.log10(size) - low) / (high - low)

    def y_of(accuracy: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (accuracy - ends[0]) / (ends[1] - ends[0])

    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 420" font-family="sans-serif" '
        'font-size="12">',
        '<rect width="640" height="420" fill="white"/>',
    ]
    for accuracy in range(ends[0], ends[1] + 1, step):
        y = y_of(accuracy)
        lines.append(f'<path d="M{LEFT - 10} {y:.1f}H{RIGHT + 10}" stroke="#ced4da"/>')
        lines.append(f'<text x="{LEFT - 18}" y="{y + 4:.1f}" text-anchor="end">{accuracy} %</text>')
    for size in SIZES:
        if low <= math.log10(size) <= high:
            place = f'x="{x_of(size):.1f}" y="{BOTTOM + 20}"'
            lines.append(f'<text {place} text-anchor="middle">{size // 1000:,} kB</text>')
    for mark in marks:
        colour = colours[mark.group]
        tip = quoteattr(f"{mark.name}: {mark.accuracy:.2f} % in {mark.bytes:,.0f}")
        lines.append(
            f'<circle cx="{x_of(mark.bytes):.1f}" cy="{y_of(mark.accuracy):.1f}" r="5" '
            f'fill="{colour if mark.filled else "white"}" stroke="{colour}" stroke-width="2" '
            f"aria-label={tip}><title>{tip[1:-1]}</title></circle>"
        )
    for place, (group, colour) in enumerate(colours.items()):
        y = 40 + 22 * place
        lines.append(f'<rect x="480" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        lines.append(f'<text x="496" y="{y}">{group}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"
