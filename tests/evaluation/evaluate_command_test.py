"""`tfqd evaluate` holds files of all kinds against a float model."""

import json
import shutil

import keras
import numpy as np
import pytest

import tfqd
from tfqd_command.main import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model, files made of it, and data: pictures of bytes."""
    path = tmp_path_factory.mktemp("evaluate")
    keras.utils.set_random_seed(0)
    layers = keras.layers
    scale, flat = layers.Rescaling(1 / 255), layers.Flatten()
    model = keras.Sequential([layers.Input((8, 8, 1)), scale, flat, layers.Dense(3)])
    model.save(path / "m.keras")
    small = tfqd.quantize_model(model, tfqd.presets.deployable(2))
    tfqd.save(small, path / "s.tfqd")
    tfqd.export.tflite(small, path / "s.tflite")
    tfqd.export.keras(small, path / "s.keras")
    tfqd.export.saved_model(small, path / "serving")
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
    y = model.predict(x, verbose=0).argmax(-1)
    np.savez(path / "d.npz", x=x, y=y)
    np.savez(path / "unlabelled.npz", x=x)
    np.savez(path / "grey.npz", x=x[..., 0], y=y)
    np.savez(path / "colour.npz", x=x.repeat(3, axis=-1), y=y)
    return path


@pytest.fixture(autouse=True)
def _in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_files_of_all_kinds_are_held_against_the_model(capsys):
    files = ("s.tfqd", "s.tflite", "s.keras", "serving")
    typed = f"evaluate m.keras --files={','.join(files)} --data=d.npz --corruptions --json"
    assert main(typed.split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["reference"] == "m.keras"
    assert found["values"]["m.keras"]["accuracy"] == 1
    assert found["notes"].keys() == {"serving"}
    scores = [found["values"][file]["accuracy"] for file in files]
    assert scores == pytest.approx([scores[0]] * 4, abs=0.03)
    assert scores[0] == pytest.approx(found["values"]["s.tfqd"]["agreement"])
    assert {"JPEG", "shot noise"} <= found["corruptions"]["s.tflite"].keys()


def test_files_may_have_any_name_that_verify_takes(capsys):
    names = ("model.bin", "S.TFQD", "archive.keras", "S.TFLITE")
    for name in names:
        shutil.copy("s.tflite" if name == "S.TFLITE" else "s.tfqd", name)
    typed = f"evaluate m.keras --files=s.tfqd,{','.join(names)} --data=d.npz --json"
    assert main(typed.split()) == 0
    found = json.loads(capsys.readouterr().out)["values"]
    for name in names:
        assert found[name]["accuracy"] == pytest.approx(found["s.tfqd"]["accuracy"], abs=0.03)


def test_people_get_tables(capsys):
    assert main(["evaluate", "m.keras", "--files=s.tfqd", "--data=d.npz"]) == 0
    printed = capsys.readouterr().out
    for word in ("Performance", "Reliability", "Efficiency", "s.tfqd"):
        assert word in printed


def test_without_labels_there_is_nothing_to_measure_by(capsys):
    assert main(["evaluate", "m.keras", "--data=unlabelled.npz"]) == 1
    assert "--data needs labels y" in capsys.readouterr().err


def test_inputs_of_another_shape_are_refused_but_for_a_last_axis_of_one(capsys):
    assert main(["evaluate", "m.keras", "--data=colour.npz"]) == 1
    assert "m.keras takes, (8, 8, 1); got (8, 8, 3)" in capsys.readouterr().err
    assert main(["evaluate", "m.keras", "--data=grey.npz"]) == 0
