"""`tfqd.export.keras` writes plain files that anyone loads, and only right ones."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers
from served_models import CASES

import tfqd

LOAD = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import keras, numpy as np
for path in sys.argv[1:]:
    model = keras.saving.load_model(path)
    inputs = dict(np.load(path + ".inputs.npz"))
    outputs = model(inputs if len(inputs) > 1 else next(iter(inputs.values())), training=False)
    np.savez(path + ".outputs.npz", *keras.tree.flatten(outputs))
assert "tfqd" not in sys.modules
"""
NAMES = ["dense of 3 bits", "convolutional", "recurrent", "attention", "several inputs, mixed"]


@keras.saving.register_keras_serializable(package="tfqd_export_tests")
class Forgetful(layers.Layer):
    """Leaves a number out of its configuration, so that a reload computes otherwise."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {"name": self.name}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """case -> (the answers of a process without tfqd, the quantized model's)."""
    folder = tmp_path_factory.mktemp("keras")
    expected, paths = {}, []
    for number, name in enumerate(NAMES):
        path = folder / f"{number}.keras"
        quantized = CASES[name].quantized()
        assert tfqd.export.keras(quantized, path).largest_difference <= 1e-5
        np.savez(f"{path}.inputs.npz", **CASES[name].inputs)
        expected[name] = list(CASES[name].answers(quantized).values())
        paths.append(str(path))
    run = subprocess.run([sys.executable, "-c", LOAD, *paths], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    answers = [list(np.load(f"{path}.outputs.npz").values()) for path in paths]
    return {name: (answer, expected[name]) for name, answer in zip(NAMES, answers, strict=True)}


@pytest.mark.parametrize("name", NAMES)
def test_files_load_without_tfqd_and_answer_as_the_quantized_model(name, loaded):
    for answer, expected in zip(*loaded[name], strict=True):
        np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_files_hold_the_quantized_values(tmp_path):
    quantized = CASES["dense of 2 bits"].quantized()
    tfqd.export.keras(quantized, tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    expected = tfqd.compress(quantized).dequantize().values()
    for weight, array in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(weight, array)


def test_compressed_and_float_models_are_written_too(tmp_path):
    compressed = tfqd.compress(CASES["dense of 4 bits"].quantized())
    for name, model in (("c", compressed), ("f", CASES["dense of 4 bits"].build())):
        verification = tfqd.export.keras(model, tmp_path / f"{name}.keras")
        assert verification.kind == "keras"
        assert verification.largest_difference <= 1e-5


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"path must end in \.keras; got '.*model\.h5'"):
        tfqd.export.keras(CASES["dense of 4 bits"].build(), tmp_path / "model.h5")
    assert os.listdir(tmp_path) == []


def test_a_file_that_answers_otherwise_leaves_the_old_one(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), Forgetful(3.0)])
    with pytest.raises(
        tfqd.export.VerificationError, match="the keras file and the model disagree"
    ):
        tfqd.export.keras(model, path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.keras"]
