"""Models of any precision become TFLite files that compute in float32."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.export.litert.checking.runtimes import run

X = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
POLICIES = ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"]


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def kit(request):
    return request.param


def convolutional(kit, policy, input_type="float32"):
    layers = kit.layers
    stack = [layers.Conv2D(4, 3, dtype=policy), layers.BatchNormalization(dtype=policy)]
    stack += [layers.Flatten(dtype=policy), layers.Dense(3, name="y", dtype=policy)]
    return kit.Sequential([kit.Input((8, 8, 3), name="x", dtype=input_type), *stack])


@pytest.mark.parametrize("policy", POLICIES)
def test_models_of_every_precision_are_exported(kit, policy, tmp_path):
    quantized = tfqd.quantize_model(convolutional(kit, policy), tfqd.presets.deployable(4))
    result = tfqd.export.tflite(quantized, tmp_path / "m.tflite")
    assert result.report.weight_error < 1e-6
    assert {row.type for row in result.report.weights} == {"int4", "int8"}
    tfqd.export.saved_model(quantized, tmp_path)
    assert tfqd.export.verify(tmp_path / "1").largest_difference <= 5e-2


@pytest.mark.parametrize("input_type", ["float16", "float64"])
def test_inputs_of_every_precision_are_taken_as_float32(kit, input_type, tmp_path):
    model = convolutional(kit, "mixed_float16", input_type)
    result = tfqd.export.tflite(model, tmp_path / "m.tflite", probes=X)
    assert result.largest_difference < 1e-2
    file = (tmp_path / "m.tflite").read_bytes()
    expected = np.asarray(model(X.astype(input_type)), np.float32)
    np.testing.assert_allclose(run("tf.lite", file, {"x": X})["y"], expected, atol=1e-2)


def test_lookups_keep_their_integers(kit, tmp_path):
    word = kit.Input((), dtype="string", name="word")
    index = kit.layers.StringLookup(vocabulary=["red", "blue"])(word)
    policy = "mixed_bfloat16"
    features = kit.layers.Embedding(3, 8, dtype=policy)(index)
    scores = kit.layers.Dense(3, name="y", dtype=policy)(features)
    quantized = tfqd.quantize_model(kit.Model(word, scores), tfqd.Uniform(bits=4))
    assert tfqd.export.tflite(quantized, tmp_path / "m.tflite").largest_difference <= 5e-2
    tfqd.export.saved_model(quantized, tmp_path, dtype="float16")
