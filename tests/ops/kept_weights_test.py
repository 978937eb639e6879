"""Weights that are kept are those of largest magnitude, alone, by fours and by channels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfqd import ops

WEIGHTS = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).normal(size=(3, 8, 5)).astype(np.float32)
)
SHARES = st.floats(0, 0.99)


@given(WEIGHTS, SHARES)
def test_the_smallest_weights_go(weights, sparsity):
    kept = ops.kept_weights(weights, sparsity, "weights", (-1,))
    assert np.sum(~kept) == round(sparsity * weights.size)
    if not kept.all():
        assert np.abs(weights[~kept]).max() <= np.abs(weights[kept]).min()


@given(WEIGHTS, SHARES)
def test_the_weakest_channels_go(weights, sparsity):
    kept = ops.kept_weights(weights, sparsity, "channels", (-1,))
    channels = kept[0, 0]
    assert np.all(kept == channels)
    assert np.sum(~channels) == min(4, round(sparsity * 5))
    norms = np.square(weights).sum((0, 1))
    if not channels.all():
        assert norms[~channels].max() <= norms[channels].min()


@given(WEIGHTS, st.floats(0, 0.5))
def test_two_of_four_inputs_go_where_that_costs_least(weights, sparsity):
    kept = ops.kept_weights(weights, sparsity, "2:4", (-1,))
    costs = {True: [], False: []}
    for row in range(3):
        for channel in range(5):
            for start in (0, 4):
                four = np.abs(weights[row, start : start + 4, channel])
                stays = kept[row, start : start + 4, channel]
                whole = bool(stays.all())
                costs[whole].append(np.sort(four)[:2].sum())
                if not whole:
                    np.testing.assert_array_equal(
                        np.flatnonzero(stays), sorted(np.argsort(four)[2:])
                    )
    assert len(costs[False]) == round(2 * sparsity * 30)
    if costs[True] and costs[False]:
        assert max(costs[False]) <= min(costs[True]) * (1 + 1e-6)


def test_depthwise_kernels_have_channels_of_two_axes():
    weights = np.arange(1.0, 19).reshape(3, 3, 2, 1)
    kept = ops.kept_weights(weights, 0.5, "channels", (-2, -1))
    np.testing.assert_array_equal(kept[..., 0], np.broadcast_to([False, True], (3, 3, 2)))


@pytest.mark.parametrize(
    ("shape", "structure", "axes", "message"),
    [
        ((6, 5), "2:4", (-1,), "its inputs must be a multiple of 4"),
        ((5,), "2:4", (-1,), "has no fours"),
        ((5,), "channels", (-1,), "has no channels of several weights"),
        ((5, 4), "channels", (), "has no channels of several weights"),
    ],
)
def test_a_structure_that_a_tensor_cannot_have_is_refused(shape, structure, axes, message):
    with pytest.raises(ValueError, match=message):
        ops.kept_weights(np.zeros(shape), 0.5, structure, axes)
