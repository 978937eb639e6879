"""Where ranges start, against a search through all ends."""

import numpy as np
import pytest

from tfqd import ops

VALUES = np.random.default_rng(2).normal(0.3, 1, 4000).astype(np.float32)


def squared_error(values, low, high, steps):
    step = (high - low) / steps
    zero = np.rint(-low / step)
    rounded = (np.clip(np.rint(values / step) + zero, 0, steps) - zero) * step
    return np.square(values - rounded).sum()


def test_the_ends_enclose_zero():
    assert ops.minmax_ends(np.float32([1, 3])) == (0, 3)
    assert ops.minmax_ends(np.float32([-2, -1])) == (-2, 0)
    assert ops.percentile_ends(np.float32([1, 3]), 99) == (0, pytest.approx(2.98))


def test_percentiles_leave_out_what_is_rare():
    values = np.append(VALUES, [100, -100]).astype(np.float32)
    low, high = ops.percentile_ends(values, 99.9)
    assert -5 < low < -2
    assert 2 < high < 5


@pytest.mark.parametrize("steps", [15, 255])
def test_least_squares_is_near_the_best_of_all_ends(steps):
    found = squared_error(VALUES, *ops.mse_ends(VALUES, steps), steps)
    lows, highs = np.linspace(-4, -0.5, 60), np.linspace(0.5, 4, 60)
    best = min(squared_error(VALUES, low, high, steps) for low in lows for high in highs)
    assert found <= 1.05 * best
    low, high = ops.minmax_ends(VALUES)
    assert found <= squared_error(VALUES, low, high, steps)


def test_activations_of_nothing_but_zeros_have_no_range():
    assert ops.mse_ends(np.zeros(10, np.float32), 15) == (0, 0)
