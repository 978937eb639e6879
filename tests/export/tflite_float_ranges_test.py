"""Files compute softplus and normalizations right where the converter's own operators do not."""

import keras
import numpy as np
import pytest
import tf_keras
from keras import layers, ops
from tflite_answers import exported

import tfqd
from tfqd.export.litert.checking.runtimes import run, runtimes

FAR = np.float32([[-3e4, -200, -90, -1], [0, 0, 0, 0], [1, 80, 95, 3e4], [1e-9, 2e-9, 0, 1e-8]])


def answers_as_the_model(model, path):
    tfqd.export.tflite(model, path)
    expected = np.asarray(model(FAR))
    assert np.isfinite(expected).all()
    for runtime in runtimes():
        (answer,) = run(runtime, path.read_bytes(), {"x": FAR}).values()
        np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "function",
    [
        ops.softplus,
        ops.log_sigmoid,
        layers.UnitNormalization(),
        ops.normalize,
        lambda x: layers.Dot(1, normalize=True)([x, x]),
    ],
    ids=["softplus", "log_sigmoid", "unit", "normalize", "cosine"],
)
def test_far_numbers_and_vectors_of_zeros_are_answered_as_by_the_model(function, tmp_path):
    x = keras.Input((4,), name="x")
    answers_as_the_model(keras.Model(x, function(x)), tmp_path / "m.tflite")


def test_those_of_tf_keras_are_too(tmp_path):
    x = tf_keras.Input((4,), name="x")
    y = tf_keras.layers.Activation("softplus")(x)
    y = tf_keras.layers.UnitNormalization()(tf_keras.layers.Concatenate()([x, y]))
    answers_as_the_model(tf_keras.Model(x, y), tmp_path / "m.tflite")


def test_an_exponential_that_others_read_stays(tmp_path):
    x = keras.Input((4,), name="x")
    small = ops.tanh(x)
    exponential = ops.exp(small)
    model = keras.Model(x, ops.log(1 + exponential) + exponential)
    answers_as_the_model(model, tmp_path / "m.tflite")


def test_other_logarithms_stay(tmp_path):
    x = keras.Input((4,), name="x")
    hidden = layers.Dense(3, use_bias=False)(ops.log(2 + ops.exp(ops.tanh(x))))
    _, report = exported(keras.Model(x, hidden), tmp_path / "m.tflite")
    assert report.operators["LOG"] == report.operators["EXP"] == report.operators["ADD"] == 1
    assert "ABS" not in report.operators
