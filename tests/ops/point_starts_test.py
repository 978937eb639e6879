"""Where points start: quantiles, k-means, a normal distribution."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfqd import ops
from tfqd.ops.kmeans import kmeans
from tfqd.spec.bucketing import Bucketing

# As printed in QLoRA's paper (arXiv 2305.14314, appendix E).
NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453]
NF4 += [-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0]
NF4 += [0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224]
NF4 += [0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0]


def test_kmeans_keeps_values_that_are_no_more_than_the_centers():
    values = np.array([3.0, -1.0, 3.0, 3.0, 0.5, -1.0])
    assert kmeans(values, np.ones(6), 4).tolist() == [-1, 0.5, 3, 3]
    assert kmeans(values, np.ones(6), 3).tolist() == [-1, 0.5, 3]


def error(values, weights, centers):
    distances = np.abs(values[:, None] - centers).min(axis=1)
    return float((weights * distances**2).sum())


def best(values, weights, count):
    """The smallest error of any clustering into runs, by trying them all."""
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    errors = []
    for ends in itertools.combinations(range(1, len(values)), count - 1):
        bounds = itertools.pairwise([0, *ends, len(values)])
        centers = [np.average(values[i:j], weights=weights[i:j]) for i, j in bounds]
        errors.append(error(values, weights, np.array(centers)))
    return min(errors)


@pytest.mark.parametrize("seed", range(5))
def test_kmeans_finds_clusters_that_are_apart(seed):
    random = np.random.default_rng(seed)
    values = np.concatenate([random.normal(c, 0.05, 4) for c in (-2, 0.5, 3)])
    weights = random.uniform(0.5, 2, 12)
    centers = kmeans(values, weights, 3)
    assert error(values, weights, centers) == pytest.approx(best(values, weights, 3), rel=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(2, 16))
def test_kmeans_centers_are_the_means_of_what_is_nearest(seed, count):
    random = np.random.default_rng(seed)
    values, weights = random.normal(size=200), random.uniform(0.1, 3, 200)
    centers = kmeans(values, weights, count)
    assert (np.diff(centers) >= 0).all()
    nearest = np.abs(values[:, None] - centers).argmin(axis=1)
    for j in range(count):
        if (nearest == j).any():
            expected = np.average(values[nearest == j], weights=weights[nearest == j])
            assert centers[j] == pytest.approx(expected, abs=1e-9)


def test_kmeans_goes_where_errors_cost():
    values = np.array([0.0, 1.0, 2.0, 3.0])
    np.testing.assert_allclose(kmeans(values, np.array([1, 1, 1, 1]), 1), [1.5])
    np.testing.assert_allclose(kmeans(values, np.array([0, 0, 0, 5]), 1), [3])
    np.testing.assert_allclose(kmeans(values, np.zeros(4), 1), [1.5])


def test_kmeans_has_centers_to_spare_for_few_values():
    centers = kmeans(np.array([1.0, 1.0, 4.0]), np.ones(3), 5)
    assert set(centers) == {1.0, 4.0}


@pytest.mark.parametrize("scaling", ["affine", "symmetric"])
@pytest.mark.parametrize("channels", [None, 2])
def test_kmeans_points_make_the_error_of_the_weights_small(scaling, channels):
    bucketing = Bucketing((40, 6), 16, "channel")
    weights = tf.random.stateless_normal(bucketing.shape, [1, 2]) * [1.0, 5, 0.1, 1, 2, 3]

    def squared_error(points, costs=1.0):
        quantized = ops.codebook(
            weights, points, bucketing, scaling, channels_per_codebook=channels
        )
        return float(tf.reduce_sum(costs * (quantized - weights) ** 2))

    arguments = (weights, 4, bucketing, scaling, None, channels)
    points = ops.kmeans_points(*arguments)
    assert points.shape == ((4,) if channels is None else (3, 4))
    assert squared_error(points) < 0.8 * squared_error(ops.quantile_points(*arguments))
    costs = tf.random.stateless_uniform(bucketing.shape, [3, 4]) ** 6
    sensitive = ops.kmeans_points(*arguments, costs)
    assert squared_error(sensitive, costs) < squared_error(points, costs)
    assert squared_error(sensitive) > squared_error(points)


def test_quantile_points_of_groups_are_those_of_their_channels():
    bucketing = Bucketing((5, 7, 4), 8, "channel", (1,))
    weights = tf.random.stateless_normal(bucketing.shape, [1, 2])
    found = ops.quantile_points(weights, 5, bucketing, channels_per_codebook=3)
    assert (found.shape, found.dtype) == ((3, 5), np.float32)
    for points, part in zip(found, (slice(0, 3), slice(3, 6), slice(6, 7)), strict=True):
        group = weights[:, part]
        alone = Bucketing(tuple(group.shape), 8, "channel", (1,))
        np.testing.assert_allclose(points, ops.quantile_points(group, 5, alone), atol=1e-6)


def test_normal_points_of_4_bits_are_nf4():
    points = ops.normal_points(16, "symmetric")
    assert points.dtype == np.float32
    np.testing.assert_allclose(points, NF4, atol=3e-7)


@pytest.mark.parametrize("levels", [2, 3, 8, 10, 256])
def test_normal_points_hold_zero_and_both_ends(levels):
    points = ops.normal_points(levels, "symmetric")
    assert len(points) == levels
    assert (np.diff(points) > 0).all()
    assert points[-1] == 1
    assert points[0] >= -1
    assert levels == 2 or 0 in points
    np.testing.assert_allclose(ops.normal_points(levels), (points + 1) / 2, atol=1e-7)
