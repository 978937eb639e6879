"""Tables for people."""

from collections.abc import Sequence
from typing import Any


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], caption: str | None = None):
    """A rich table: the first column to the left, the others to the right.

    Args:
        columns: headings.
        rows: texts and numbers; None is an empty cell.
        caption: a line below.
    """
    from rich import box
    from rich.console import Group, RenderableType
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for place, heading in enumerate(columns):
        made.add_column(heading, justify="left" if place == 0 else "right", overflow="fold")
    for row in rows:
        made.add_row(*(Text(_cell(value)) for value in row))
    below: list[RenderableType] = [] if caption is None else ["", Text(caption)]
    return Group(made, *below)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))


def printable(text: str) -> str:
    """A text that a file holds, as a terminal may be given it: what does not print, escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
