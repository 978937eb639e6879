"""Attraction is the gradient of the truncated pair potential; clusters are runs without gaps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfqd import ops

SEEDS = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def energy(weights, reach):
    distance = np.abs(weights[:, None] - weights[None, :])
    return np.minimum(distance, reach).sum() / (2 * len(weights))


@given(SEEDS)
def test_attraction_counts_the_others_within_reach(generator):
    # On a grid, so that weights coincide and lie at the reach exactly.
    weights = (generator.integers(-20, 20, 30) / 8).astype(np.float32)
    reach = np.float32(generator.integers(1, 8) / 8)
    expected = []
    for weight in weights:
        lower = sum(weight - reach < other < weight for other in weights)
        higher = sum(weight < other < weight + reach for other in weights)
        expected.append((lower - higher) / len(weights))
    found = ops.attraction(weights.reshape(5, 6), reach)
    assert found.shape == (5, 6)
    np.testing.assert_allclose(np.reshape(found, -1), expected, rtol=1e-6)


def test_attraction_is_the_gradient_of_the_energy():
    weights = np.random.default_rng(0).normal(size=200)
    found = np.asarray(ops.attraction(weights.astype(np.float32), np.float32(0.3)))
    for i in range(0, 200, 7):
        nudge = np.zeros(200)
        nudge[i] = 1e-7
        slope = (energy(weights + nudge, 0.3) - energy(weights - nudge, 0.3)) / 2e-7
        assert found[i] == pytest.approx(slope, abs=1e-5)


@given(SEEDS)
def test_clusters_are_runs_without_gaps(generator):
    weights = np.round(generator.normal(0, 1, (3, 20)), 1).astype(np.float32)
    found, centers = ops.gathered(weights, 0.25, least=0.0)
    runs = [[]]
    for value in np.sort(weights, axis=None):
        if runs[-1] and value - runs[-1][-1] > 0.25:
            runs.append([])
        runs[-1].append(value)
    np.testing.assert_allclose(centers, [np.mean(run) for run in runs], atol=1e-6)
    assert (found.shape, found.dtype) == ((3, 20), np.float32)
    nearest = np.abs(weights[..., None] - centers).min(-1)
    np.testing.assert_allclose(np.abs(found - weights), nearest, atol=1e-6)
    assert np.isin(found, centers).all()


def test_small_clusters_go_to_the_nearest_that_stays():
    weights = np.array([0, 0.1, 0, 6, 9.9, 10, 10, 10, 10, 7.4], np.float32)
    found, centers = ops.gathered(weights, 1.0, least=0.2)
    np.testing.assert_allclose(centers, [0.1 / 3, 9.98], atol=1e-6)
    np.testing.assert_array_equal(found == centers[0], weights < 5)
    alone, (center,) = ops.gathered(weights, 1.0, least=0.9)
    assert np.all(alone == center)
    assert center == pytest.approx(9.98)
    np.testing.assert_allclose(ops.largest_cluster(weights, 1.0), [9.9, 10, 10, 10, 10])
