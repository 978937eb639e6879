"""The style of the page: one for light and dark grounds, narrow and wide windows."""

import importlib.resources
from collections.abc import Sequence

from tfqd.charts.palette import DARK, LIGHT


def style() -> str:
    """The page's CSS, with the charts' colours."""
    sheet = importlib.resources.files("tfqd.page").joinpath("page.css")
    dark = f"@media (prefers-color-scheme: dark) {{ {_variables(DARK)} }}"
    uses = (
        f".fill{place} {{ fill: var(--c{place}); }} "
        f".stroke{place} {{ stroke: var(--c{place}); }} "
        f".back{place} {{ background: var(--c{place}); }}"
        for place in range(len(LIGHT))
    )
    return "\n".join([sheet.read_text(encoding="utf-8"), _variables(LIGHT), dark, *uses])


def _variables(colours: Sequence[str]) -> str:
    named = " ".join(f"--c{place}: {colour};" for place, colour in enumerate(colours))
    return f":root {{ {named} }}"
