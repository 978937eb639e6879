"""The codebook quantizer's points."""

import dataclasses
import importlib

import numpy as np
import pytest
import tensorflow as tf

from tfqd import ops
from tfqd.quantizers import CodebookQuantizer
from tfqd.spec import Codebook

WEIGHTS = tf.random.stateless_normal([20, 30], [1, 2])
EVEN = ops.uniform_points(8)


@pytest.fixture(params=["keras", "tf_keras"])
def layer(request):
    return importlib.import_module(request.param).layers.Layer()


def points_of(variables):
    return tf.convert_to_tensor(variables["points"]).numpy()


def points_at_start(spec, layer, value=None):
    return points_of(CodebookQuantizer(spec).build((20, 30), "kernel", layer, value))


def quantiles(spec):
    bucketing = spec.bucketing((20, 30))
    return ops.quantile_points(WEIGHTS, spec.levels, bucketing, spec.scaling, spec.clip)


@pytest.mark.parametrize("scaling", ["affine", "symmetric"])
@pytest.mark.parametrize("clip", [None, 0.5])
def test_starts_at_the_quantiles_of_the_weights(scaling, clip, layer):
    spec = Codebook(bits=3, bucket_size=50, scaling=scaling, clip=clip)
    points = points_at_start(spec, layer, lambda: WEIGHTS)
    np.testing.assert_array_equal(points, quantiles(spec))
    assert points.shape == (8,)
    assert points.dtype == np.float32


def test_quantile_points_share_the_weights_evenly(layer):
    quantizer = CodebookQuantizer(Codebook(bits=2, bucket_size=None))
    variables = quantizer.build((20, 30), "kernel", layer, lambda: WEIGHTS)
    points = points_of(variables)
    assert (points[0], points[-1]) == (0, 1)
    scaled = (WEIGHTS - tf.reduce_min(WEIGHTS)) / (tf.reduce_max(WEIGHTS) - tf.reduce_min(WEIGHTS))
    between = np.histogram(scaled, points)[0]
    assert between.tolist() == [200, 200, 200]


@pytest.mark.parametrize(("channels", "shape"), [(1, (30, 8)), (4, (8, 8)), (99, (1, 8))])
def test_channels_have_codebooks_from_their_own_quantiles(channels, shape, layer):
    spec = Codebook(bits=3, layout="channel", channels_per_codebook=channels)
    points = points_at_start(spec, layer, lambda: WEIGHTS)
    assert points.shape == shape
    bucketing = spec.bucketing((20, 30))
    np.testing.assert_array_equal(
        points, ops.quantile_points(WEIGHTS, 8, bucketing, channels_per_codebook=channels)
    )


@pytest.mark.parametrize("channels", [None, 7])
def test_starts_by_kmeans_and_by_sensitivity_on_request(channels, layer):
    spec = Codebook(bits=2, init="kmeans", layout="channel", channels_per_codebook=channels)
    arguments = (WEIGHTS, 4, spec.bucketing((20, 30)), "affine", None, channels)
    points = points_at_start(spec, layer, lambda: WEIGHTS)
    np.testing.assert_array_equal(points, ops.kmeans_points(*arguments))
    quantizer = CodebookQuantizer(dataclasses.replace(spec, init="quantile"))
    variables = quantizer.build((20, 30), "kernel", layer)
    costs = tf.random.stateless_uniform([20, 30], [3, 4])
    quantizer.initialize(WEIGHTS, variables, costs)
    np.testing.assert_array_equal(points_of(variables), ops.kmeans_points(*arguments, costs))


@pytest.mark.parametrize("value", [None, lambda: WEIGHTS])
def test_normal_points_need_no_value(value, layer):
    spec = Codebook(points=10, init="normal", scaling="symmetric")
    np.testing.assert_array_equal(
        points_at_start(spec, layer, value), ops.normal_points(10, "symmetric")
    )


@pytest.mark.parametrize(("grid", "largest", "bits"), [("int8", 127, 4), ("int4", 7, 3)])
def test_points_on_a_grid_are_used_and_stored_as_integers(grid, largest, bits, layer):
    spec = Codebook(bits=bits, scaling="symmetric", grid=grid, bucket_size=None)
    quantizer = CodebookQuantizer(spec)
    variables = quantizer.build((20, 30), "kernel", layer, lambda: WEIGHTS)
    with tf.GradientTape() as tape:
        quantized = quantizer(WEIGHTS, True, variables)
        loss = tf.reduce_sum(quantized**2)
    stored = quantizer.encode(WEIGHTS, variables)
    np.testing.assert_array_equal(stored.points, np.rint(largest * points_of(variables)))
    np.testing.assert_array_equal(stored.points[stored.codes] * stored.scale[0], quantized)
    assert np.abs(stored.points).max() == largest
    gradient = tape.gradient(loss, tape.watched_variables())[0]
    alpha = np.abs(WEIGHTS).max()
    expected = np.bincount(stored.codes.ravel(), 2 * alpha * quantized.numpy().ravel(), 2**bits)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-3)


def test_starts_evenly_spaced_on_request(layer):
    spec = Codebook(bits=3, init="uniform")
    np.testing.assert_array_equal(points_at_start(spec, layer, lambda: WEIGHTS), EVEN)


def test_starts_evenly_spaced_while_no_value_is_known(layer):
    np.testing.assert_array_equal(points_at_start(Codebook(bits=3), layer), EVEN)


def test_initialize_sets_the_quantiles_of_weights_that_come_later(layer):
    spec = Codebook(bits=3)
    quantizer = CodebookQuantizer(spec)
    variables = quantizer.build((20, 30), "kernel", layer)
    quantizer.initialize(WEIGHTS, variables)
    np.testing.assert_array_equal(points_of(variables), quantiles(spec))


def test_points_are_trained(layer):
    quantizer = CodebookQuantizer(Codebook(bits=3))
    variables = quantizer.build((20, 30), "kernel", layer, lambda: WEIGHTS)
    assert [id(weight) for weight in layer.trainable_weights] == [id(variables["points"])]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((quantizer(WEIGHTS, True, variables) - WEIGHTS) ** 2)
    (points,) = tape.watched_variables()
    gradient = tape.gradient(loss, points)
    assert np.count_nonzero(gradient) > 4
    points.assign_sub(0.1 * gradient)
    assert tf.reduce_mean((quantizer(WEIGHTS, True, variables) - WEIGHTS) ** 2) < loss


def test_lsqs_gradient_scale_counts_weights_and_points(layer):
    def gradient(spec):
        quantizer = CodebookQuantizer(spec)
        variables = quantizer.build((20, 30), "kernel", layer, lambda: WEIGHTS)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(quantizer(WEIGHTS, True, variables) ** 2)
        return tape.gradient(loss, tape.watched_variables())[0]

    for channels, weights in ((None, 600), (10, 200)):
        plain, scaled = (
            gradient(Codebook(layout="channel", channels_per_codebook=channels, gradient_scale=s))
            for s in (None, "lsq")
        )
        np.testing.assert_allclose(scaled, plain / np.sqrt(weights * 16), rtol=1e-5)


@pytest.mark.parametrize(
    ("train", "to_weights"), [("both", 1.0), ("points", None), ("weights", 1.0)]
)
def test_what_is_not_trained_gets_no_gradient(layer, train, to_weights):
    quantizer = CodebookQuantizer(Codebook(bits=2, train=train))
    variables = quantizer.build((20, 30), "kernel", layer, lambda: WEIGHTS)
    assert quantizer.trains_weights == (to_weights is not None)
    assert len(layer.trainable_weights) == (train != "weights")
    with tf.GradientTape() as tape:
        tape.watch(WEIGHTS)
        quantized = quantizer(WEIGHTS, True, variables)
    found = tape.gradient(quantized, WEIGHTS)
    if to_weights is None:
        assert found is None
    else:
        np.testing.assert_array_equal(found, to_weights)


def test_stored_points_ascend_though_the_variable_does_not(layer):
    quantizer = CodebookQuantizer(Codebook(bits=2))
    variables = quantizer.build((20, 30), "kernel", layer)
    variables["points"].assign([0.9, 0.1, 0.5, 0.0])
    tensor = quantizer.encode(WEIGHTS, variables)
    np.testing.assert_array_equal(tensor.points, np.float32([0.0, 0.1, 0.5, 0.9]))
