"""Whole networks of tf_keras.applications; `benchmarks/tf_keras_applications.py` runs them all."""

import inspect

import numpy as np
import pytest
import tf_keras

import tfqd

SHAPE = (32, 32, 3)
OPTIONS = {"weights": None, "input_shape": SHAPE, "classes": 4, "classifier_activation": None}


def mobile_net():
    return tf_keras.applications.MobileNetV2(**OPTIONS)


def efficient_net():
    """Each of EfficientNetB0's blocks once, which has some of them up to four times."""
    module = inspect.getmodule(tf_keras.applications.EfficientNetB0)
    return module.EfficientNet(1.0, 0.2, 224, **OPTIONS)


@pytest.mark.parametrize(("build", "kernels"), [(mobile_net, 53), (efficient_net, 37)])
def test_it_is_quantized_and_stripped(build, kernels):
    model = build()
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    assert len(quantized.quantized_variables) == kernels
    x = np.random.default_rng(0).uniform(size=(2, *SHAPE)).astype("float32")
    outputs = quantized(x)
    assert np.abs(outputs - model(x)).max() > 0
    np.testing.assert_array_equal(tfqd.strip_quantization(quantized)(x), outputs)
