"""Softmax answers take little of their range where classes are many, and are held all the same."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.compressed import Probes
from tfqd.export.litert import writer
from tfqd.export.litert.checking.checks import check
from tfqd.export.litert.file.flatbuffer import Op
from tfqd.export.litert.lowering.rewriting import lower

X = np.random.default_rng(0).normal(size=(32, 16)).astype(np.float32)


def quantized(classes, seed=0, kind=keras):
    """A calibrated model of random weights."""
    kind.utils.set_random_seed(seed)
    layers = kind.layers
    hidden, last = layers.Dense(64, "relu"), layers.Dense(classes, "softmax", name="y")
    model = kind.Sequential([kind.Input((16,), name="x"), hidden, last])
    spec = tfqd.presets.deployable(8)
    result = tfqd.quantize_model(model, spec, activations=tfqd.Activations())
    tfqd.calibrate(result, X)
    return result


@pytest.mark.parametrize("classes", [20, 100])
def test_answers_of_other_weights_are_refused(classes, tmp_path):
    model, path = quantized(classes), tmp_path / "m.tflite"
    result = tfqd.export.tflite(model, path, probes=X)
    assert result.largest_difference <= 1.01 / 255
    data = path.read_bytes()
    own, others = (
        Probes({"x": X}, {"y": np.asarray(each(X))}) for each in (model, quantized(classes, 7))
    )
    assert check(data, own, None, 0.1)[0].largest_difference <= 1.01 / 255
    with pytest.raises(tfqd.export.VerificationError, match="of ten standard deviations"):
        check(data, others, None, 0.1)


def inputs_turned_about(file, *arguments):
    """Lowers a file, its last weight with the inputs in the opposite order."""
    rows = lower(file, *arguments)
    graph = file.graphs[0]
    products = [each for each in graph.operators if file.code(each) == Op.FULLY_CONNECTED]
    weight = graph.tensors[products[-1].inputs[1]]
    file.set_constant(weight, file.constant(weight)[:, ::-1], weight.type)
    return rows


@pytest.mark.parametrize("kind", [keras, tf_keras])
def test_a_file_of_wrong_integers_is_never_written(kind, monkeypatch, tmp_path):
    monkeypatch.setattr(writer, "lower", inputs_turned_about)
    with pytest.raises(tfqd.export.VerificationError, match="the float form of the tflite file"):
        tfqd.export.tflite(quantized(100, kind=kind), tmp_path / "m.tflite", probes=X)
    assert not list(tmp_path.iterdir())
