"""Finding the nearest point, the same in each of its executions."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfqd.ops import nearest as module
from tfqd.ops.scaling import Range

LEVELS = [2, 3, 4, 5, 16, 100, 256]


def scaled_and_points(levels, size, seed=0):
    random = np.random.default_rng(seed)
    points = np.sort(random.uniform(-1, 1, levels)).astype(np.float32)
    return random.uniform(-1.5, 1.5, size).astype(np.float32), points


def nearest(scaled, points, training=False):
    """The nearest points to weights that are their own scaled values."""
    unscaled = Range(scale=tf.ones([]), offset=None)
    return module.nearest(tf.convert_to_tensor(scaled), unscaled, points, training)


def in_graph(scaled, points, **options):
    """What `nearest` gives within a function, for one tensor of float32 a call."""
    return tf.function(nearest, **options)(tf.constant(scaled), tf.constant(points))


@given(st.integers(2, 256), st.integers(0, 2**32 - 1))
def test_no_point_is_nearer(levels, seed):
    scaled, points = scaled_and_points(levels, 50, seed)
    values, codes = nearest(tf.constant(scaled), tf.constant(points))
    np.testing.assert_array_equal(values, points[codes.numpy()])
    every = np.abs(scaled[:, None] - points.astype(np.float64))
    chosen = np.abs(scaled - values.numpy().astype(np.float64))
    np.testing.assert_allclose(chosen, every.min(axis=1), atol=1e-7)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("levels", LEVELS)
def test_a_graph_finds_the_same_points(levels, jit_compile):
    scaled, points = scaled_and_points(levels, (7, 90))
    scaled[0, :levels] = points[:90]
    eager = nearest(tf.constant(scaled), tf.constant(points))
    compiled = in_graph(scaled, points, jit_compile=jit_compile)
    for found, expected in zip(compiled, eager, strict=True):
        assert found.shape == scaled.shape
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("levels", [2, 11, 16, 17, 200])
def test_a_large_tensor_in_training_finds_the_same_points(levels):
    scaled, points = scaled_and_points(levels, module.FUSE_FROM)
    scaled[: 2 * levels - 1] = [*points, *((points[1:] + points[:-1]) / 2)]
    eager = nearest(tf.constant(scaled), tf.constant(points))
    fused = tf.function(lambda scaled: nearest(scaled, tf.constant(points), training=True))
    for found, expected in zip(fused(scaled), eager, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("levels", [2, 16, 40])
def test_borders_that_are_given_part_the_points_in_each_execution(levels):
    scaled, points = scaled_and_points(levels, module.FUSE_FROM)
    share = np.random.default_rng(1).uniform(0.01, 0.99, levels - 1).astype(np.float32)
    border = points[:-1] + (points[1:] - points[:-1]) * share
    scaled[: levels - 1] = border  # which belong to the lower point
    codes = (scaled[:, None] > border).sum(axis=1)
    unscaled = Range(scale=tf.ones([]), offset=None)

    def found(training):
        return module.nearest(scaled, unscaled, points, training, border=border)

    scaled, points, border = map(tf.constant, (scaled, points, border))
    executions = [found, tf.function(found), tf.function(found, jit_compile=True)]
    for values, chosen in [each(training) for each in executions for training in (False, True)]:
        np.testing.assert_array_equal(chosen, codes)
        np.testing.assert_array_equal(values, points.numpy()[codes])


def test_a_graph_for_inference_holds_no_compiled_part():
    scaled, points = scaled_and_points(16, module.FUSE_FROM)
    graph = tf.function(nearest).get_concrete_function(scaled, tf.constant(points)).graph
    kinds = {operation.type for operation in graph.get_operations()}
    assert not [kind for kind in kinds if "Call" in kind]


@pytest.mark.parametrize("execution", [nearest, in_graph])
def test_halfway_the_lower_point_wins(execution):
    values, codes = execution(tf.constant([0.5, 1.5, 3.0]), tf.constant([0.0, 1.0, 2.0, 4.0]))
    assert values.numpy().tolist() == [0, 1, 2]
    assert codes.numpy().tolist() == [0, 1, 2]


@pytest.mark.parametrize("execution", [nearest, in_graph])
def test_outside_the_points_the_outermost_win(execution):
    values, codes = execution(tf.constant([-9.0, 9.0]), tf.constant([-1.0, 0.0, 0.5]))
    assert values.numpy().tolist() == [-1, 0.5]
    assert codes.numpy().tolist() == [0, 2]


@pytest.mark.parametrize("execution", [nearest, in_graph])
def test_equal_points_give_their_value(execution):
    values, _ = execution(tf.constant([-1.0, 0.3, 2.0]), tf.fill([4], 0.3))
    np.testing.assert_array_equal(values, np.full(3, 0.3, np.float32))


@pytest.mark.parametrize("offset", [None, 0.25])
def test_weights_are_scaled_by_their_buckets_and_points_back(offset):
    weights, points = tf.constant([[0.0, 1.9], [8.0, 2.1]]), tf.constant([0.0, 1.0])
    offsets = None if offset is None else tf.fill([2, 1], offset)
    buckets = Range(tf.constant([[2.0], [8.0]]), offsets)
    for execution in (module.nearest, tf.function(module.nearest)):
        values, codes = execution(weights, buckets, points)
        low = offset or 0.0
        assert values.numpy().tolist() == [[low, low + 2.0], [low + 8.0, low]]
        assert codes.numpy().tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("levels", [13, 40])
def test_compiled_products_are_rounded_before_the_sum(levels):
    generator = np.random.default_rng(5)
    weights = tf.constant(generator.normal(size=(1024, 64)).astype(np.float32))
    points = tf.constant(np.sort(generator.uniform(size=levels)).astype(np.float32))
    low = tf.reduce_min(weights, 1, keepdims=True)
    buckets = Range(tf.reduce_max(weights, 1, keepdims=True) - low, low)
    compiled = tf.function(lambda: module.nearest(weights, buckets, points, training=True))
    for eager, fused in zip(module.nearest(weights, buckets, points), compiled(), strict=True):
        np.testing.assert_array_equal(eager, fused)
