"""Kernels that start at zero, under `tfqd.EntropyConstrained`: they train as others do."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.quantizers import quantizer_for

X = np.random.default_rng(0).standard_normal((256, 24)).astype(np.float32)
Y = np.tanh(X[:, :8])


def trained(library, spec):
    library.utils.set_random_seed(0)
    layers = library.layers
    dense = layers.Dense(8, kernel_initializer="zeros")
    model = library.Sequential([layers.Input((24,)), layers.Dense(64, activation="relu"), dense])
    model = model if spec is None else tfqd.quantize_model(model, spec)
    model.compile(library.optimizers.Adam(0.01), "mse")
    return model.fit(X, Y, epochs=15, verbose=0).history["loss"][-1]


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_they_learn_about_as_much_as_floats(library):
    spec = tfqd.EntropyConstrained(average_bits=3, bits=5)
    assert trained(library, spec) < 2 * trained(library, None)


@pytest.mark.parametrize("spec", [tfqd.EntropyConstrained(), tfqd.EntropyCodebook()])
@pytest.mark.parametrize(("shape", "axes"), [((), (-1,)), ((), (-2, -1)), ((3,), (-2, -1))])
def test_tensors_of_fewer_axes_than_the_usual_are_quantized(spec, shape, axes):
    quantizer = quantizer_for(spec, axes)
    zeros = tf.zeros(shape)
    state = quantizer.build(shape, "kernel", keras.layers.Layer(), lambda: zeros)
    assert quantizer.encode(zeros, state).dequantize().shape == shape


@pytest.mark.parametrize("scaling", ["symmetric", "affine"])
def test_channels_of_zeros_have_steps_as_the_others(scaling):
    kernel = np.random.default_rng(0).normal(size=(24, 8)).astype(np.float32)
    kernel[:, ::2] = 0
    model = keras.Sequential([keras.Input((24,)), keras.layers.Dense(8)])
    model.layers[0].kernel.assign(kernel)
    spec = tfqd.EntropyConstrained(layout="channel", scaling=scaling)
    tensor = tfqd.quantize_model(model, spec).quantized_variables[0].encode()
    assert tensor.scale.min() > 0.5 * tensor.scale.max()
    np.testing.assert_allclose(tensor.dequantize()[:, ::2], 0, atol=0.51 * tensor.scale.max() / 15)
