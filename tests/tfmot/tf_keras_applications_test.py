"""Whole networks of tf_keras.applications; `benchmarks/tf_keras_applications.py` runs them all."""

import numpy as np
import pytest
import tf_keras

import tfqd

NETWORKS = {
    "MobileNetV2": (32, 53),
    "EfficientNetB0": (32, 82),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_quantized_and_stripped(name):
    side, kernels = NETWORKS[name]
    build = getattr(tf_keras.applications, name)
    model = build(weights=None, input_shape=(side, side, 3), classes=4, classifier_activation=None)
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    assert len(quantized.quantized_variables) == kernels
    x = np.random.default_rng(0).uniform(size=(2, side, side, 3)).astype("float32")
    outputs = quantized(x)
    assert np.abs(outputs - model(x)).max() > 0
    np.testing.assert_array_equal(tfqd.strip_quantization(quantized)(x), outputs)
