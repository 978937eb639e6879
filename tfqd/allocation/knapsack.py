"""One option for each item, the smallest sum of costs within a capacity."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_MAX_STATES = 2**16


class Option(NamedTuple):
    """What an option takes of the capacity, and what it costs."""

    size: int
    cost: float


class _Stage(NamedTuple):
    """Sums over the items so far of which no other is both smaller and cheaper.

    sizes, costs: of each sum, sizes ascending and costs descending.
    parents: the sum of the stage before that it came from.
    options: the option that was added.
    """

    sizes: np.ndarray
    costs: np.ndarray
    parents: np.ndarray
    options: np.ndarray


def choose(items: Sequence[Sequence[Option]], capacity: int) -> list[int]:
    """The options of smallest total cost whose sizes do not exceed the capacity.

    Dynamic programming over the sums that no other sum beats in both size and
    cost. It is exact up to 65,536 such sums; where there are more, only the
    cheapest of each 1/65,536 of the capacity is kept. The result never exceeds
    the capacity.

    Args:
        items: the options of each item, at least one.
        capacity: of all chosen options together.

    Returns:
        The index of each item's option.

    Raises:
        ValueError: when even the smallest options exceed the capacity.

    Example:

    >>> small_or_good = [Option(1, 9.0), Option(3, 1.0)]
    >>> choose([small_or_good, [Option(2, 4.0), Option(4, 3.0)]], capacity=5)
    [1, 0]
    """
    smallest = [min(option.size for option in options) for options in items]
    if sum(smallest) > capacity:
        raise ValueError(f"the smallest options take {sum(smallest)}; the capacity is {capacity}")
    stage = _Stage(*(np.zeros(1, dtype) for dtype in (np.int64, float, np.int64, np.int64)))
    stages = []
    for i, options in enumerate(items):
        stage = _with_item(stage, options, capacity - sum(smallest[i + 1 :]))
        stages.append(_thinned(stage, capacity))
        stage = stages[-1]
    return _traced(stages)


def _with_item(stage: _Stage, options: Sequence[Option], capacity: int) -> _Stage:
    sizes = np.add.outer([option.size for option in options], stage.sizes).reshape(-1)
    costs = np.add.outer([option.cost for option in options], stage.costs).reshape(-1)
    within = np.flatnonzero(sizes <= capacity)
    order = within[np.lexsort((costs[within], sizes[within]))]
    lowest = np.minimum.accumulate(costs[order])
    cheaper = np.ones(len(order), bool)
    cheaper[1:] = costs[order][1:] < lowest[:-1]
    kept = order[cheaper]
    chosen, parents = np.divmod(kept, len(stage.sizes))
    return _Stage(sizes[kept], costs[kept], parents, chosen)


def _thinned(stage: _Stage, capacity: int) -> _Stage:
    """The cheapest sum of each of `_MAX_STATES` parts of the capacity; the smallest sum too."""
    if len(stage.sizes) <= _MAX_STATES:
        return stage
    part = stage.sizes * _MAX_STATES // (capacity + 1)
    kept = np.append(part[1:] > part[:-1], True)
    kept[0] = True
    return _Stage(*(array[kept] for array in stage))


def _traced(stages: list[_Stage]) -> list[int]:
    """The options that led to the cheapest, which is the last, sum of the last stage."""
    place, chosen = len(stages[-1].sizes) - 1, []
    for stage in reversed(stages):
        chosen.append(int(stage.options[place]))
        place = stage.parents[place]
    return chosen[::-1]
