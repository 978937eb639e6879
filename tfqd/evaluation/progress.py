"""How far an evaluation is."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import track

T = TypeVar("T")


def track_steps(steps: Iterable[T], title: str, verbose: bool) -> Iterator[T]:
    """The steps one by one, with a progress bar where that is wanted."""
    yield from track(list(steps), description=title, disable=not verbose)
