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


def assert_within_a_step(model, inputs, folder, bits=8):
    """Every answer of the file is the model's, or next to it on the grid of the outputs."""
    quantized = tfqd.quantize_model(
        model, tfqd.presets.deployable(8), activations=tfqd.Activations(bits=bits, start="minmax")
    )
    tfqd.calibrate(quantized, inputs)
    result = tfqd.export.tflite(quantized, folder / "m.tflite", probes=inputs)
    output = quantized.quantized_activations[-1]
    low, high = output.ends
    step = (high - low) / output.quantizer.steps
    expected = np.asarray(quantized(inputs))
    for runtime in runtimes():
        (answer,) = run(runtime, (folder / "m.tflite").read_bytes(), {"x": inputs}).values()
        assert np.abs(answer - expected).max() <= (1.01 if bits == 8 else 8) * step, runtime
    return result.report


@pytest.mark.parametrize("bits", [8, 16])
def test_equal_biases_are_rounded_to_the_unit_of_each_channel(bits, tmp_path):
    assert_within_a_step(dense(UNLIKE, [0.4] * 3), X, tmp_path, bits)


def test_so_they_are_behind_a_convolution(tmp_path):
    assert_within_a_step(normalized(UNLIKE, [0.4] * 3), IMAGES, tmp_path)


def test_equal_biases_beside_floats_are_those_of_the_model(tmp_path):
    report = assert_within_a_step(dense([1.0, 0.2, 1e-8], [5.0] * 3), X, tmp_path)
    assert "too large for 32 bits" in report.weights[0].reason


def test_channels_of_zeros_have_their_bias(tmp_path):
    assert_within_a_step(dense([0.01, 0, 0.02], [0.3, 0.4, 0.1]), 100 * np.abs(X), tmp_path)
    assert_within_a_step(normalized([1, 0, 1], [0.1, 0.7, 0.1]), IMAGES, tmp_path)


@pytest.mark.parametrize("bits", [8, 16])
def test_weights_of_nothing_but_zeros_leave_the_bias(bits, tmp_path):
    assert_within_a_step(dense([0, 0, 0], [0.3, 0.4, -0.1]), 100 * X, tmp_path, bits)
