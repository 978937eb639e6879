"""Networks of MLPerf Tiny compute the same integers in tflite-micro as in LiteRT."""

import keras
import mlperf_tiny
import numpy as np
import pytest
from other_readers import RUNS_MICRO, litert_integers, micro_answers

import tfqd

pytestmark = pytest.mark.skipif(
    not RUNS_MICRO, reason="tflite-micro has no wheels for this machine"
)


@pytest.mark.parametrize("network", ["resnet8", "ds_cnn", "autoencoder"])
def test_integers_are_equal(network, tmp_path):
    quantized, x = mlperf_tiny.quantized(network)
    path = tmp_path / "m.tflite"
    options = {"readers": ("litert", "tflite-micro"), "prefer": "size", "io_dtype": "int8"}
    report = tfqd.export.tflite(quantized, path, probes=x[:1], strict=True, **options).report
    assert {weight.type for weight in report.weights} == (
        {"int4", "int8"} if network == "ds_cnn" else {"int4"}
    )
    inputs = np.random.default_rng(1).integers(-128, 128, (6, *x.shape[1:])).astype(np.int8)
    (answers,) = micro_answers(path, {"x": inputs}).values()
    assert answers.std() > 5
    np.testing.assert_array_equal(answers, litert_integers(path, inputs, reference=True))
    # XNNPACK rounds once where the reference kernels round twice.
    assert np.abs(answers - litert_integers(path, inputs, reference=False)).max() <= 5


@pytest.mark.parametrize("layout", ["channel", "flat"])
def test_integers_of_16_bits_are_equal_too(layout, tmp_path):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    x = np.random.default_rng(0).normal(size=(32, 6, 6, 3)).astype(np.float32)
    parts = [layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()]
    # The softmax of tflite-micro is a step off here and there.
    classes = layers.Dense(4, activation="sigmoid")
    model = keras.Sequential([keras.Input((6, 6, 3), name="x"), *parts, classes])
    spec = tfqd.LearnedStep(bits=8, layout=layout)
    quantized = tfqd.quantize_model(model, spec, activations=tfqd.Activations(bits=16))
    tfqd.calibrate(quantized, x)
    path = tmp_path / "m.tflite"
    options = {"readers": ("litert", "tflite-micro"), "io_dtype": "int16", "batch_size": 1}
    tfqd.export.tflite(quantized, path, probes=x[:8], **options)
    inputs = np.random.default_rng(1).integers(-(2**15), 2**15, (24, 6, 6, 3)).astype(np.int16)
    (answers,) = micro_answers(path, {"x": inputs}).values()
    assert answers.dtype == np.int16
    assert answers.std() > 1000
    (simulated,) = tfqd.export.simulate_integer(path, inputs).values()
    np.testing.assert_array_equal(answers, simulated)
    for reference in (True, False):
        np.testing.assert_array_equal(answers, litert_integers(path, inputs, reference))
