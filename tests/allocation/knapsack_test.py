"""The cheapest options within a capacity, next to trying them all."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfqd.allocation import knapsack
from tfqd.allocation.knapsack import Option, choose

OPTIONS = st.builds(Option, st.integers(0, 30), st.integers(0, 20).map(float))
ITEMS = st.lists(st.lists(OPTIONS, min_size=1, max_size=4), min_size=1, max_size=4)


def totals(items, places):
    chosen = [options[place] for options, place in zip(items, places, strict=True)]
    return sum(option.size for option in chosen), sum(option.cost for option in chosen)


def cheapest(items, capacity):
    """The smallest cost of all combinations; None where none fits."""
    ways = (totals(items, ways) for ways in itertools.product(*(range(len(o)) for o in items)))
    return min((cost for size, cost in ways if size <= capacity), default=None)


@given(ITEMS, st.integers(0, 80))
def test_no_other_choice_is_cheaper(items, capacity):
    expected = cheapest(items, capacity)
    if expected is None:
        with pytest.raises(ValueError, match=rf"the smallest .*; the capacity is {capacity}"):
            choose(items, capacity)
        return
    size, cost = totals(items, choose(items, capacity))
    assert size <= capacity
    assert cost == expected


def test_many_sums_are_thinned_and_the_capacity_kept(monkeypatch):
    random = np.random.default_rng(0)
    items = [
        [Option(int(size), 1e6 / size) for size in random.integers(1000, 90_000, 8)]
        for _ in range(12)
    ]
    capacity = 500_000
    exact = totals(items, choose(items, capacity))
    monkeypatch.setattr(knapsack, "_MAX_STATES", 500)
    thinned = totals(items, choose(items, capacity))
    assert thinned[0] <= capacity
    assert exact[1] <= thinned[1] <= 1.02 * exact[1]


def test_thinning_keeps_the_smallest_sum(monkeypatch):
    monkeypatch.setattr(knapsack, "_MAX_STATES", 2)
    items = [[Option(size, 100.0 - size) for size in range(1, 50)] for _ in range(3)]
    assert totals(items, choose(items, 3))[0] == 3
