"""Biases in files of integers are those of the model, equal ones and those beside zeros too."""

import keras
import numpy as np
import pytest
from keras import layers

import tfqd
from tfqd.export.litert.checking.runtimes import run, runtimes

X = np.random.default_rng(0).normal(size=(64, 16)).astype(np.float32)
IMAGES = np.random.default_rng(1).normal(size=(64, 6, 6, 3)).astype(np.float32)
UNLIKE = [1.0, 0.2, 3.0]


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


def dense(factors, bias):
    """A product of weights in units that are as far apart as the factors of its channels."""
    layer = layers.Dense(len(bias), name="y")
    model = keras.Sequential([keras.Input((16,), name="x"), layer])
    layer.set_weights([layer.get_weights()[0] * np.float32(factors), np.float32(bias)])
    return model


def normalized(gamma, beta):
    """A convolution with its normalization."""
    image = keras.Input((6, 6, 3), name="x")
    normalization = layers.BatchNormalization(name="y")
    y = normalization(layers.Conv2D(3, 3, use_bias=False)(image))
    normalization.gamma.assign(gamma)
    normalization.beta.assign(beta)
    return keras.Model(image, y)


def assert_near(model, inputs, folder, bits=8, weights=8):
    """Every answer of the file is the model's, or near it on the grid of the outputs.

    Factors of kernels of 16-bit activations have 15 bits; weights of 4 meet inputs that are
    rounded anew.
    """
    activations = tfqd.Activations(bits=bits, start="minmax")
    spec = tfqd.presets.deployable(weights)
    quantized = tfqd.quantize_model(model, spec, activations=activations)
    tfqd.calibrate(quantized, inputs)
    result = tfqd.export.tflite(quantized, folder / "m.tflite", probes=inputs)
    output = quantized.quantized_activations[-1]
    low, high = output.ends
    steps = 1.01 if bits == weights == 8 else 8.0 if bits == 16 else 2.01
    limit = steps * (high - low) / output.quantizer.steps
    expected = np.asarray(quantized(inputs))
    for runtime in runtimes():
        (answer,) = run(runtime, (folder / "m.tflite").read_bytes(), {"x": inputs}).values()
        assert np.abs(answer - expected).max() <= limit, runtime
    return result.report


@pytest.mark.parametrize("bits", [8, 16])
def test_equal_biases_are_rounded_to_the_unit_of_each_channel(bits, tmp_path):
    assert_near(dense(UNLIKE, [0.4] * 3), X, tmp_path, bits)


def test_so_they_are_behind_a_convolution(tmp_path):
    assert_near(normalized(UNLIKE, [0.4] * 3), IMAGES, tmp_path)


def test_equal_biases_beside_floats_are_those_of_the_model(tmp_path):
    report = assert_near(dense([1.0, 0.2, 1e-8], [5.0] * 3), X, tmp_path)
    assert "too large for 32 bits" in report.weights[0].reason


def test_channels_of_zeros_have_their_bias(tmp_path):
    assert_near(dense([0.01, 0, 0.02], [0.3, 0.4, 0.1]), 100 * np.abs(X), tmp_path)
    assert_near(normalized([1, 0, 1], [0.1, 0.7, 0.1]), IMAGES, tmp_path)


@pytest.mark.parametrize("bits", [8, 16])
def test_weights_of_nothing_but_zeros_leave_the_bias(bits, tmp_path):
    assert_near(dense([0, 0, 0], [0.3, 0.4, -0.1]), 100 * X, tmp_path, bits)


def test_biases_that_kernels_of_int4_add_up_wrong_are_added_in_floats(tmp_path):
    model = dense([1.0, 1.0, 1e-6], [0.3, 0.1, 2.0])
    report = assert_near(model, X, tmp_path, weights=4)
    assert "too large for 28 bits" in report.weights[0].reason
