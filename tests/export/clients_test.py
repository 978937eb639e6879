"""What a client may keep of a SavedModel that it has loaded, and what it gives back."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from garbage import collected

import tfqd

X = np.random.default_rng(0).normal(size=(2, 1024)).astype(np.float32)


@pytest.fixture(scope="module", params=[keras, tf_keras], ids=["keras", "tf_keras"])
def served(request, tmp_path_factory):
    """A SavedModel of 8 MB of float weights, and what the quantized model answers."""
    kit = request.param
    x = kit.Input((1024,), name="x")
    model = kit.Model(x, kit.layers.Dense(2000, name="y")(x))
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    folder = tmp_path_factory.mktemp("served")
    tfqd.export.saved_model(quantized, folder)
    return str(folder / "1"), np.asarray(quantized(X))


def resident_bytes():
    pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


def test_a_signature_serves_without_the_object_that_it_was_loaded_with(served):
    path, expected = served
    with collected():
        signature = tf.saved_model.load(path).signatures["serving_default"]
    np.testing.assert_allclose(signature(x=tf.constant(X))["y"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kit", [keras, tf_keras])
def test_names_that_begin_with_a_digit_are_served(kit, tmp_path):
    model = kit.Sequential([kit.Input((4,), name="1st"), kit.layers.Dense(3, name="2nd")])
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    tfqd.export.saved_model(quantized, tmp_path)
    tfqd.export.tflite(quantized, tmp_path / "m.tflite")
    serve = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    answer = serve(arg_1st=tf.constant(X[:, :4]))["2nd"]
    np.testing.assert_allclose(answer, quantized(X[:, :4]), rtol=1e-5, atol=1e-6)


def test_memory_goes_back_when_everything_is_dropped(served):
    path, _ = served
    before = None
    for _ in range(3):
        with collected():
            for _ in range(10):
                signature = tf.saved_model.load(path).signatures["serving_default"]
                signature(x=tf.constant(X))
                del signature
        before = before or resident_bytes()
    # Weights that stayed would take 160 MB.
    assert resident_bytes() - before < 50e6
