"""A file with a layer that nobody has registered is refused by its class, in one line."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd_command.main import main

COMMANDS = [
    *[f"inspect {file}" for file in ("m.keras", "m.h5", "nested.keras", "small.keras")],
    *[f"convert {file} new.tfqd" for file in ("m.keras", "m.h5", "m.tfqd", "nested.tfqd")],
    *[f"verify {file}" for file in ("m.tfqd", "nested.tfqd", "small.keras")],
]


@pytest.fixture(scope="module", params=[keras, tf_keras], ids=["keras", "tf_keras"])
def folder(request, tmp_path_factory):
    """A folder with files of models with a layer of a class that is known no more."""
    kit, path = request.param, tmp_path_factory.mktemp(request.param.__name__)

    class Doubled(kit.layers.Layer):
        def call(self, x):
            return 2 * x

    Doubled.__module__ = "__main__"  # Else tf_keras forgets the name.
    x = kit.Input((4,))
    model = kit.Model(x, kit.layers.Dense(3)(Doubled()(x)))
    with kit.utils.custom_object_scope({"Doubled": Doubled}):
        for name, each in (("m", model), ("nested", kit.Model(x, kit.layers.Dense(2)(model(x))))):
            each.save(path / f"{name}.keras")
            each.save(path / f"{name}.h5")
            tfqd.save(tfqd.quantize_model(each, 4), path / f"{name}.tfqd")
        tfqd.export.keras(model, path / "small.keras")
    return path


@pytest.mark.parametrize("typed", COMMANDS)
def test_commands_name_the_class(folder, typed, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(typed.split()) == 1
    (line,) = capsys.readouterr().err.splitlines()
    forgotten = "class of a layer is not registered"  # As tf_keras forgets its name.
    assert "Doubled" in line or (folder.name.startswith("tf_keras") and forgotten in line)
    assert "config=" not in line
    assert "Full object config" not in line
    assert "deserialized properly" not in line


@pytest.mark.parametrize("what", ["keras", "quantized"])
@pytest.mark.parametrize("file", ["m.tfqd", "nested.tfqd"])
def test_load_names_the_class(folder, file, what):
    with pytest.raises(tfqd.compressed.ArchiveError, match=r"be made a model: .*Doubled") as caught:
        tfqd.load(folder / file, what)
    assert "\n" not in str(caught.value)
    assert "deserialized properly" not in str(caught.value)


def test_what_its_configuration_lacks_is_said_too(tmp_path):
    class Scaled(keras.layers.Layer):
        def __init__(self, factor, **arguments):
            super().__init__(**arguments)
            self.factor = factor

        def call(self, x):
            return self.factor * x

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    class Renamed(keras.layers.Layer):
        def __init__(self, scale, **arguments):
            super().__init__(**arguments)

    model = keras.Sequential([keras.Input((4,)), Scaled(2.0), keras.layers.Dense(3)])
    with keras.saving.custom_object_scope({"Scaled": Scaled}):
        tfqd.save(tfqd.quantize_model(model, 4), tmp_path / "m.tfqd")
    renamed = keras.saving.custom_object_scope({"Scaled": Renamed})
    with renamed, pytest.raises(ValueError, match=r"TypeError: .*'scale'") as caught:
        tfqd.load(tmp_path / "m.tfqd")
    assert "\n" not in str(caught.value)


def test_what_tf_keras_forgets_is_said_all_the_same(tmp_path):
    class Doubled(tf_keras.layers.Layer):
        def call(self, x):
            return 2 * x

    x = tf_keras.Input((4,))
    model = tf_keras.Model(x, tf_keras.layers.Dense(3)(Doubled()(x)))
    with tf_keras.utils.custom_object_scope({"Doubled": Doubled}):
        tfqd.save(tfqd.quantize_model(model, 4), tmp_path / "m.tfqd")
    with pytest.raises(ValueError, match=r"class of a layer is not registered .*not imported"):
        tfqd.load(tmp_path / "m.tfqd")


def test_files_are_read_where_the_class_is_known(folder):
    kit = tf_keras if folder.name.startswith("tf_keras") else keras
    doubled = type("Doubled", (kit.layers.Layer,), {"call": lambda self, x: 2 * x})
    with kit.utils.custom_object_scope({"Doubled": doubled}):
        loaded = tfqd.load(folder / "m.tfqd")
    assert np.asarray(loaded(np.ones((1, 4), np.float32))).shape == (1, 3)
