"""Tables of the pages that examples write."""

from collections.abc import Iterable, Sequence


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The table as Markdown; all columns but the first are set to the right."""
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, *rows)]
    return "\n".join([lines[0], f"|---|{'---:|' * (len(heads) - 1)}", *lines[1:]])
