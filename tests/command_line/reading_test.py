"""Files of Keras are read by the Keras that wrote them, or not at all."""

import importlib
import sys
import zipfile

import keras
import numpy as np
import pytest
import tf_keras

from tfqd.wrapping.version import version_of
from tfqd_command.main import main
from tfqd_command.models import load_model

OWN_CLASSES = """
import keras
import tf_keras

class Scores(keras.Model):
    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.head = keras.layers.Dense(3, name="head")

    def call(self, x):
        return self.head(x)

class OldScores(tf_keras.Model):
    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.head = tf_keras.layers.Dense(3, name="head")

    def call(self, x):
        return self.head(x)

    def get_config(self):
        return {"name": self.name}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with float models, two of classes in a module there that nobody has imported."""
    path = tmp_path_factory.mktemp("reading")
    (path / "classes_of_a_user.py").write_text(OWN_CLASSES)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path)
        classes = importlib.import_module("classes_of_a_user")
        for name, model in (("own", classes.Scores()), ("old_own", classes.OldScores())):
            model(np.zeros((1, 4), np.float32))
            model.save(path / f"{name}.keras")
        del sys.modules["classes_of_a_user"]
    for name, kit in (("new", keras), ("old", tf_keras)):
        model = kit.Sequential([kit.layers.Input((4,)), kit.layers.Dense(3)])
        model.save(path / f"{name}.keras")
        model.save(path / f"{name}.h5")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    np.savez(path / "d.npz", x=x, y=x[:, :3].argmax(-1))
    return path


@pytest.fixture(autouse=True)
def _in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    yield
    sys.modules.pop("classes_of_a_user", None)


@pytest.mark.parametrize(
    "typed", ["compress own.keras --to=s.tfqd --data=d.npz --epochs=1", "inspect own.keras"]
)
def test_a_class_that_keras_does_not_know_is_an_error_and_no_model_without_weights(
    typed, folder, capsys
):
    assert main(typed.split()) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "own.keras cannot be read as a model. keras: TypeError: Could not locate class " in line
    assert "Scores" in line
    assert "tf_keras" not in line
    assert not (folder / "s.tfqd").exists()


def test_it_is_read_once_the_class_is_known():
    classes = importlib.import_module("classes_of_a_user")
    with keras.saving.custom_object_scope({"Scores": classes.Scores}):
        model = load_model("own.keras")
    expected = keras.saving.load_model("own.keras", {"Scores": classes.Scores})
    x = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(np.asarray(model(x)), np.asarray(expected(x)))


@pytest.mark.parametrize(
    ("file", "version"),
    [
        ("new.keras", "keras"),
        ("old.keras", "tf_keras"),
        ("old_own.keras", "tf_keras"),
        ("new.h5", "keras"),
        ("old.h5", "keras"),  # which Keras 3 reads too
    ],
)
def test_keras_files_say_which_keras_reads_them(file, version):
    assert version_of(load_model(file)).name == version


def test_what_comes_back_must_be_a_model_of_the_keras_that_was_asked(monkeypatch, capsys):
    monkeypatch.setattr("tf_keras.models.load_model", lambda *_, **__: keras.Sequential())
    assert main(["sizes", "old.keras"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "tf_keras: ValueError: tf_keras must make a model of its own of old.keras" in line
    assert line.endswith("it made a keras.src.models.sequential.Sequential")


def test_an_archive_that_does_not_say_who_wrote_it_is_damaged(capsys):
    with zipfile.ZipFile("nobody.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    assert main(["sizes", "nobody.keras"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "nobody.keras is no .keras file, or damaged: it has no metadata.json" in line
