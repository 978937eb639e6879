"""tf_keras models whose architecture tf_keras cannot write: ``x[..., 1:4]``."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd_command.main import main


def build():
    inputs = tf_keras.Input((4, 6))
    outputs = tf_keras.layers.Dense(5, name="dense")(inputs[..., 1:4])
    return tf_keras.Model(inputs, outputs)


@pytest.fixture(scope="module")
def quantized():
    tf_keras.utils.set_random_seed(0)
    return tfqd.quantize_model(build(), tfqd.presets.deployable(4))


X = np.random.default_rng(0).normal(size=(2, 4, 6)).astype(np.float32)


def test_it_is_compressed_and_weighed(quantized):
    compressed = tfqd.compress(quantized)
    assert compressed.architecture is None
    assert [*compressed.quantized] == ["dense/kernel"]
    assert tfqd.size_report(quantized).total.weights == 20


def test_it_is_served(quantized, tmp_path):
    tfqd.export.saved_model(quantized, tmp_path)
    serve = tf.saved_model.load(str(tmp_path / "1"))
    (answer,) = serve.signatures["serving_default"](tf.constant(X)).values()
    np.testing.assert_allclose(answer, quantized(X), rtol=1e-5, atol=1e-6)


def test_it_runs_in_tflite(quantized, tmp_path):
    assert tfqd.export.tflite(quantized, tmp_path / "m.tflite").largest_difference < 0.1


def test_what_needs_the_architecture_says_so(quantized, tmp_path, capsys):
    with pytest.warns(UserWarning, match=r"m\.tfqd' has no architecture: .*Ellipsis.*dequantize"):
        assert tfqd.save(quantized, tmp_path / "m.tfqd") is None
    for kind in ("keras", "tf_keras", "quantized"):
        with pytest.raises(ValueError, match=r"no architecture .*Ellipsis.*dequantize"):
            tfqd.load(tmp_path / "m.tfqd", kind)
    assert main(["verify", str(tmp_path / "m.tfqd")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "Ellipsis" in line


def test_a_model_made_in_code_takes_the_weights(quantized, tmp_path):
    with pytest.warns(UserWarning, match="no architecture"):
        tfqd.save(quantized, tmp_path / "m.tfqd")
    again = build()
    again.set_weights([*tfqd.load(tmp_path / "m.tfqd", "compressed").dequantize().values()])
    np.testing.assert_array_equal(again(X), quantized(X))


def test_what_computes_in_another_type_needs_the_architecture(quantized, tmp_path):
    with pytest.raises(ValueError, match="architecture"):
        tfqd.export.saved_model(quantized, tmp_path / "half", dtype="float16")
