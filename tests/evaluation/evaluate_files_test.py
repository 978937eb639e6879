"""`tfqd.evaluate` takes files by what they are, whatever they are called and however given."""

import os
import re
import shutil

import keras
import numpy as np
import pytest
import tf_keras

import tfqd

X = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
CLASSES = X[:, :3].argmax(-1)


class Place:
    """A path that is no `pathlib.Path`."""

    def __init__(self, path):
        self._path = os.fspath(path)

    def __fspath__(self):
        return self._path


@pytest.fixture(scope="module", params=[keras, tf_keras], ids=["keras", "tf_keras"])
def small(request):
    version = request.param
    version.utils.set_random_seed(0)
    model = version.Sequential([version.layers.Input((8,)), version.layers.Dense(3)])
    return tfqd.quantize_model(model, tfqd.presets.deployable(3))


def test_all_names_and_kinds_of_path_are_taken(small, tmp_path):
    tfqd.save(small, tmp_path / "model.bin")
    for name in ("S.TFQD", "archive.keras"):
        shutil.copy(tmp_path / "model.bin", tmp_path / name)
    tfqd.export.keras(small, tmp_path / "plain.keras")
    small.save(tmp_path / "q.keras")
    tfqd.export.tflite(small, tmp_path / "S.TFLITE")
    paths = {path.name: path for path in sorted(tmp_path.iterdir())}
    models = {"small": small, "place": Place(paths["model.bin"]), **paths}
    found = tfqd.evaluate(models, (X, CLASSES), efficiency=False).values
    assert len(found) == 8
    for values in found.values():
        assert values["accuracy"] == found["small"]["accuracy"]
        assert values["agreement"] == 1


@pytest.mark.parametrize("name", ["m.onnx", "m.safetensors", "m.h5"])
def test_what_is_taken_is_named(name, tmp_path):
    (tmp_path / name).write_bytes(b"nothing of the kind")
    expected = f"{tmp_path / name}: files must be .tfqd, .keras or .tflite files or SavedModels"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        tfqd.evaluate({"m": Place(tmp_path / name)}, (X, CLASSES))


def test_a_folder_without_a_saved_model_is_named(tmp_path):
    with pytest.raises(ValueError, match="holds no SavedModel"):
        tfqd.evaluate({"m": tmp_path}, (X, CLASSES))


class Unregistered(keras.layers.Layer):
    """A layer that nobody can find by its name in a file."""

    def call(self, inputs):
        return inputs


def test_a_keras_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((8,)), Unregistered()]).save(path)
    monkeypatch.setattr(Unregistered, "__init__", None)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))} cannot be read as a model: "):
        tfqd.evaluate({"m": path}, (X, CLASSES))
