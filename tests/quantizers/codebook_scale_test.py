"""Codebooks whose scale is not the range of the weights."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfqd
from tfqd import ops
from tfqd.quantizers import quantizer_for
from tfqd.spec.bucketing import Bucketing

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(40, 6)).astype(np.float32)
POINTS = np.float32([-0.9, -0.2, 0.1, 0.6])


def own(scale="learned", **fields):
    fields = {"bits": 2, "bucket_size": None, "scaling": "symmetric", "init": "kmeans", **fields}
    return tfqd.Codebook(scale=scale, **fields)


def built(spec, weights=WEIGHTS):
    quantizer = quantizer_for(spec)
    tensor = tf.constant(weights)
    return quantizer, quantizer.build(weights.shape, "w", keras.layers.Layer(), lambda: tensor)


ONE, EACH = {"layout": "channel"}, {"layout": "channel", "channels_per_codebook": 1}
TILES = {"layout": "tile", "bucket_size": (8, 6)}


@pytest.mark.parametrize("points", [2, 3, 4])
@pytest.mark.parametrize("fields", [{}, ONE, EACH, TILES], ids=["flat", "one", "each", "tiles"])
def test_even_points_start_with_the_scale_of_least_error(points, fields):
    quantizer, variables = built(own(points=points, init="uniform", **fields))
    found = np.array(variables["scale"])

    def error(scale):
        variables["scale"].assign(scale)
        return float(np.mean((quantizer(tf.constant(WEIGHTS), False, variables) - WEIGHTS) ** 2))

    tried = min(error(np.full_like(found, factor)) for factor in np.linspace(0.3, 4, 75))
    assert error(found) <= tried * 1.01
    if points == 2 and not fields:
        np.testing.assert_allclose(found, np.mean(np.abs(WEIGHTS)), rtol=1e-5)


def test_points_by_kmeans_start_at_three_deviations():
    _, variables = built(own())
    np.testing.assert_allclose(variables["scale"], 3 * np.sqrt(np.mean(WEIGHTS**2)), rtol=1e-6)


@pytest.mark.parametrize("scale", ["fixed", "learned"])
def test_a_single_large_weight_moves_no_other(scale):
    quantizer, variables = built(own(scale))
    before = quantizer(tf.constant(WEIGHTS), False, variables).numpy()
    stretched = WEIGHTS.copy()
    stretched[0, 0] = 50.0
    after = quantizer(tf.constant(stretched), False, variables).numpy()
    np.testing.assert_array_equal(after[1:], before[1:])
    assert after[0, 0] == before.max()
    ranged, variables = built(own("range"))
    moved = ranged(tf.constant(stretched), False, variables).numpy()
    assert len(np.unique(moved[1:])) < len(np.unique(before))


def test_gradients_by_hand():
    bucketing = Bucketing((40, 6), None, "channel", (-1,))
    scale = RNG.uniform(1.0, 2.0, 6).astype(np.float32)
    upstream = RNG.normal(size=(40, 6)).astype(np.float32)
    weights, points, scales = map(tf.constant, (WEIGHTS, POINTS, scale))
    with tf.GradientTape() as tape:
        tape.watch([weights, points, scales])
        quantized = ops.codebook(weights, points, bucketing, "symmetric", scale=scales)
        loss = tf.reduce_sum(quantized * upstream)
    to_weights, to_points, to_scale = tape.gradient(loss, [weights, points, scales])
    expected_points, expected_scale = np.zeros(4), np.zeros(6)
    for i in range(40):
        for o in range(6):
            x = WEIGHTS[i, o] / scale[o]
            code = np.argmin(np.abs(POINTS - x))
            assert quantized[i, o] == POINTS[code] * scale[o]
            expected_points[code] += upstream[i, o] * scale[o]
            slope = POINTS[code] - (x if POINTS[0] <= x <= POINTS[-1] else 0)
            expected_scale[o] += upstream[i, o] * slope
    np.testing.assert_array_equal(to_weights, upstream)
    np.testing.assert_allclose(to_points, expected_points, rtol=1e-5)
    np.testing.assert_allclose(to_scale, expected_scale, rtol=1e-4)


@pytest.mark.parametrize("scale", ["fixed", "learned"])
def test_trains_and_every_file_computes_what_was_trained(scale, tmp_path):
    keras.utils.set_random_seed(0)
    plain = keras.Sequential([keras.Input((12,)), keras.layers.Dense(24), keras.layers.Dense(4)])
    model = tfqd.quantize_model(plain, own(scale, grid="int4", bits=3))
    (entry, _) = model.quantized_variables
    start = np.array(entry.state["scale"])
    x = RNG.normal(size=(64, 12)).astype(np.float32)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(x, x[:, :4], epochs=3, verbose=0)
    assert np.array_equal(entry.state["scale"], start) == (scale == "fixed")
    expected = model(x).numpy()
    tfqd.save(model, tmp_path / "m.tfqd")
    again = tfqd.load(tmp_path / "m.tfqd", "quantized")
    np.testing.assert_allclose(again(x), expected, atol=1e-5)
    np.testing.assert_allclose(tfqd.load(tmp_path / "m.tfqd")(x), expected, atol=1e-5)
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "m.keras")(x), expected)
    tfqd.export.tflite(model, tmp_path / "m.tflite")


@pytest.mark.parametrize("grid", [None, "int8"])
def test_scales_that_training_takes_through_0_count_by_their_size(grid, tmp_path):
    """A negative one would turn the weights' order about, and no TFLite kernel takes it."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    student = tfqd.quantize_model(model, own(layout="channel", grid=grid))
    (found,) = student.quantized_variables
    before = student(WEIGHTS).numpy()
    found.state["scale"].assign(found.state["scale"] * [1, -1, 1])
    np.testing.assert_array_equal(student(WEIGHTS), before)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(student(WEIGHTS, training=True) ** 2)
    slopes = tape.gradient(loss, found.state["scale"].value).numpy()
    found.state["scale"].assign(np.abs(found.state["scale"]))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(student(WEIGHTS, training=True) ** 2)
    upright = tape.gradient(loss, found.state["scale"].value).numpy()
    np.testing.assert_allclose(slopes, upright * [1, -1, 1], rtol=1e-5)
    found.state["scale"].assign(found.state["scale"] * [1, -1, 1])
    tfqd.save(student, tmp_path / "s.tfqd")
    assert np.all(tfqd.load(tmp_path / "s.tfqd", "quantized")(WEIGHTS) == before)
    tfqd.export.tflite(student, tmp_path / "s.tflite")


def test_stored_scales_below_0_are_refused():
    quantizer, variables = built(own())
    stored = quantizer.encode(tf.constant(WEIGHTS), variables)
    with pytest.raises(ValueError, match=r"scales of Codebook.* must not be negative"):
        quantizer.restore(dataclasses.replace(stored, scale=-stored.scale), variables)


def test_zero_weights_have_a_scale():
    quantizer, variables = built(own("learned"), np.zeros((8, 3), np.float32))
    assert (np.array(variables["scale"]) > 0).all()
    assert not quantizer(tf.zeros((8, 3)), False, variables).numpy().any()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="scale='learned' needs scaling='symmetric'"):
        tfqd.Codebook(scale="learned")
    with pytest.raises(ValueError, match="scale must be one of 'range', 'fixed', 'learned'"):
        tfqd.Codebook(scale="live")
