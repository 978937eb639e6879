"""Where the examples print."""

import sys

from rich.console import Console

WIDTH = 160


def console() -> Console:
    """Standard output; wide enough for tables where no terminal says how wide it is."""
    return Console(width=None if sys.stdout.isatty() else WIDTH)
