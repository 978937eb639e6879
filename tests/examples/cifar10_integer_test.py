"""The example of integer training, on a few random images of CIFAR-10's format."""

import json

from example_modules import run_here


def test_it_trains_exports_and_measures_the_file(data, tmp_path):
    options = [f"--data_dir={data}", f"--output={tmp_path}", "--activation_bits=4"]
    options += ["--epochs=2", "--early_bits=8"]
    assert run_here("cifar10_integer.py", *options).end is None
    name = "w8a4_early8_2epochs_seed0"
    row = json.loads((tmp_path / f"{name}.json").read_text())
    assert (row["weight_bits"], row["activation_bits"], row["early_bits"]) == (8, 4, 8)
    assert abs(row["file"] - row["model"]) < 5
    assert row["bytes"] == (tmp_path / f"{name}.tflite").stat().st_size
    values = row["evaluation"]["values"]
    assert [*values] == ["float", "model", "file"]
    assert round(100 * values["file"]["accuracy"], 2) == row["file"]
    again = run_here("cifar10_integer.py", *options)
    assert again.end is None
    assert "is trained already" in again.stdout
    assert json.loads((tmp_path / f"{name}.json").read_text())["file"] == row["file"]
    end = run_here("cifar10_integer.py", "--epochs=1", "--early_bits=8").end
    assert end == "cifar10_integer: --early_bits needs --epochs of 2 or more"


def test_tfmots_own_training_is_measured_alike(data, tmp_path):
    options = [f"--data_dir={data}", f"--output={tmp_path}", "--epochs=1", "--tool=tfmot"]
    assert run_here("cifar10_integer.py", *options).end is None
    row = json.loads((tmp_path / "tfmot_1epochs_seed0.json").read_text())
    assert abs(row["file"] - row["model"]) < 5
    assert row["bytes"] == (tmp_path / "tfmot_1epochs_seed0.tflite").stat().st_size
    end = run_here("cifar10_integer.py", *options, "--weight_bits=4").end
    assert end == "cifar10_integer: --tool=tfmot has 8 bits, of weights and of activations"
