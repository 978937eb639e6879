"""The best choices whose whole file keeps to a budget."""

import math
from collections.abc import Callable
from typing import NamedTuple

from tfqd.allocation.choices import Choice
from tfqd.allocation.menu import Menu

# What is not payload differs a little from model to model: an archive's manifest has
# hashes, of which DEFLATE makes more or fewer bytes.
_SLACK = 32
_ROUNDS = 8


class Fitted(NamedTuple):
    """Choices, what their tensors take by themselves, and what the whole file takes."""

    chosen: list[Choice]
    payload: int
    size: int


def smallest(menu: Menu, bytes_of: Callable[[list[Choice]], int]) -> Fitted:
    """The choices of fewest bytes."""
    return _measured(menu.smallest(), bytes_of)


def fit(
    menu: Menu,
    bytes_of: Callable[[list[Choice]], int],
    budget: int,
    close: float,
    start: Fitted,
) -> Fitted:
    """The best choices whose whole file keeps to a budget.

    The capacity for the tensors is looked for between what fits and what does not,
    by the bytes of whole files.

    Args:
        menu: what may be chosen.
        bytes_of: the bytes of the whole file that choices give.
        budget: for the whole file.
        close: the share of it that is enough.
        start: what keeps to it.
    """
    fits, over, tried = start, None, [start.chosen]
    most, enough = budget - _SLACK, math.ceil(close * budget)
    for _ in range(_ROUNDS):
        # Once the most was too much, any size that is enough will do.
        target = most if over is None else min(most, (most + enough) // 2)
        chosen = menu.choose_bytes(_capacity(fits, over, target))
        if chosen in tried:
            break
        tried.append(chosen)
        last = _measured(chosen, bytes_of)
        if last.size > most:
            over = last
            continue
        fits = last
        if fits.size >= enough:
            break
    return fits


def _measured(chosen: list[Choice], bytes_of: Callable[[list[Choice]], int]) -> Fitted:
    return Fitted(chosen, sum(choice.size for choice in chosen), bytes_of(chosen))


def _capacity(fits: Fitted, over: Fitted | None, target: int) -> int:
    """Bytes for the tensors at which the whole file is expected to take `target`."""
    if over is None:
        return fits.payload + max(0, target - fits.size)
    slope = (over.payload - fits.payload) / max(1, over.size - fits.size)
    between = fits.payload + int(slope * (target - fits.size))
    return min(max(between, fits.payload), over.payload - 1)
