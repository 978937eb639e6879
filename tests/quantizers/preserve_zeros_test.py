"""`preserve_zeros=True`: what pruning has set to zero stays zero."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfqd
from tfqd import ops
from tfqd.quantizers import quantizer_for

ZEROS = {"scaling": "symmetric", "preserve_zeros": True}
SPECS = [
    tfqd.Uniform(bits=3, bucket_size=16, **ZEROS),
    tfqd.Uniform(bits=2, rounding="stochastic", **ZEROS),
    tfqd.Codebook(bits=1, bucket_size=16, **ZEROS),
    tfqd.Codebook(bits=3, layout="channel", channels_per_codebook=2, **ZEROS),
    tfqd.Codebook(bits=4, grid="int8", init="normal", **ZEROS),
    tfqd.LearnedStep(bits=2, preserve_zeros=True),
]


def pruned_model():
    keras.utils.set_random_seed(6)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(6), keras.layers.Dense(2)])
    for layer in model.layers:
        kernel = np.array(layer.kernel)
        layer.kernel.assign(np.where(abs(kernel) < np.median(abs(kernel)), 0, kernel))
    return model


@pytest.mark.parametrize("spec", SPECS)
def test_zeros_stay_zero_through_training_and_storing(spec):
    model = pruned_model()
    zeros = [np.array(layer.kernel) == 0 for layer in model.layers]
    quantized = tfqd.quantize_model(model, spec)
    quantized.compile(keras.optimizers.Adam(0.05), "mse")
    x = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
    losses = quantized.fit(x, x[:, :2], epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    stored = tfqd.compress(quantized).quantized.values()
    for entry, tensor, zero in zip(quantized.quantized_variables, stored, zeros, strict=True):
        assert 0 < zero.sum() < zero.size
        assert not entry.quantize(False).numpy()[zero].any()
        assert not tensor.dequantize()[zero].any()
        np.testing.assert_array_equal(np.array(entry.variable) == 0, zero)


def test_the_point_nearest_to_zero_goes_there_in_each_codebook():
    points = tf.Variable([[-0.9, -0.2, 0.3, 1.0], [-0.1, 0.2, 0.5, 0.9]])
    with tf.GradientTape() as tape:
        moved = ops.with_zero(points)
    np.testing.assert_allclose(moved, [[-0.9, 0, 0.3, 1], [0, 0.2, 0.5, 0.9]])
    np.testing.assert_array_equal(tape.gradient(moved, points), [[1, 0, 1, 1], [0, 1, 1, 1]])


def test_without_it_a_codebook_moves_zeros():
    spec = tfqd.Codebook(bits=2, scaling="symmetric", init="uniform")
    quantizer = quantizer_for(spec)
    state = quantizer.build((4,), "w", keras.layers.Layer())
    assert np.all(quantizer(tf.constant([-1.0, 0.0, 0.0, 1.0]), False, state) != 0)


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        (tfqd.Uniform, {}, "preserve_zeros=True needs scaling='symmetric', which maps 0 to 0; got"),
        (tfqd.LearnedStep, {"scaling": "affine"}, "needs scaling='symmetric'"),
        (tfqd.Uniform, {"bits": 1, "scaling": "symmetric"}, "at least 2 bits; got 1"),
        (tfqd.LearnedStep, {"bits": 1}, "at least 2 bits; got 1"),
        (tfqd.Codebook, {"preserve_zeros": 1.5}, "preserve_zeros must be True or False; got"),
    ],
)
def test_specs_that_cannot_keep_zeros(method, arguments, message):
    with pytest.raises(ValueError, match=message):
        method(**{"preserve_zeros": True, **arguments})
