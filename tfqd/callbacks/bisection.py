"""Where a function that falls, if not quite steadily, comes below a limit."""

import math
from collections.abc import Callable

_FARTHEST = 100  # steps


def bracket(
    function: Callable[[float], float], limit: float, step: float, lowest: float = -math.inf
) -> tuple[float, float] | None:
    """Two places, at most `step` apart, above and at most at the limit; the search begins at 0.

    Args:
        function: falls in the large.
        limit: what it is held against.
        step: positive.
        lowest: where the search ends, at most 0.

    Returns:
        (low, high) with function(low) > limit >= function(high); None when it has not
        crossed the limit at the lowest place, or after a hundred steps.

    Example:

    >>> bracket(lambda x: -x, 2.0, 0.5), bracket(lambda x: -x, -0.7, 0.5)
    ((-2.5, -2.0), (0.5, 1.0))
    """
    place, value = 0.0, function(0.0)
    if value > limit:
        while value > limit:
            place += step
            if place > _FARTHEST * step:
                return None
            value = function(place)
        return place - step, place
    above = place
    while value <= limit:
        if place <= max(lowest, -_FARTHEST * step):
            return None
        place, above = max(place - step, lowest), place
        value = function(place)
    return place, above


def bisect(
    function: Callable[[float], float],
    limit: float,
    low: float,
    high: float,
    enough: float,
    halvings: int = 12,
) -> float:
    """The place from `low` to `high` where the function comes down to the limit.

    Args:
        function: falls in the large, is above the limit at `low` and not at `high`.
        limit: what it is held against.
        low, high: where to search.
        enough: a value, not above the limit, that is as good as the limit itself.
        halvings: how many values to look at.

    Returns:
        A place whose value is not above the limit.

    Example:

    >>> bisect(lambda x: -x, -0.7, 0.0, 1.0, enough=-0.71)
    0.703125
    """
    for _ in range(halvings):
        middle = (low + high) / 2
        value = function(middle)
        if value > limit:
            low = middle
        else:
            high = middle
            if value >= enough:
                break
    return high
