"""Paths that hold something else than files, and names that not every library takes."""

import json
import os
import stat
from unittest import mock

import keras
import pytest

import tfqd
from tfqd.export.paths import naming
from tfqd_command.main import main


@pytest.fixture(scope="module")
def quantized():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    return tfqd.quantize_model(model, tfqd.presets.deployable(4))


def writers():
    return {"tfqd": tfqd.save, "tflite": tfqd.export.tflite, "keras": tfqd.export.keras}


@pytest.mark.parametrize("kind", writers())
def test_a_pipe_is_not_replaced(kind, quantized, tmp_path):
    path = tmp_path / f"pipe.{kind}"
    os.mkfifo(path)
    with pytest.raises(OSError, match="device, pipe or socket"):
        writers()[kind](quantized, path)
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_told_before_the_model_is_converted(quantized, tmp_path):
    missing = pytest.raises(FileNotFoundError, match="there is no folder ")
    with mock.patch("tfqd.export.litert.writer.drafted") as converting, missing:
        tfqd.export.tflite(quantized, tmp_path / "missing" / "m.tflite")
    converting.assert_not_called()


def test_a_loop_of_links_is_not_replaced(quantized, tmp_path):
    path = tmp_path / "loop.tfqd"
    path.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        tfqd.save(quantized, path)
    assert path.is_symlink()


@pytest.mark.parametrize("kind", writers())
def test_a_file_that_is_replaced_keeps_its_mode(kind, quantized, tmp_path):
    path = tmp_path / f"m.{kind}"
    path.write_bytes(b"")
    path.chmod(0o600)
    writers()[kind](quantized, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size > 0


@pytest.mark.parametrize("name", ["a[1]", "a*", "a?"])
def test_a_folder_that_tensorflow_takes_for_a_pattern_is_refused(name, quantized, tmp_path):
    with pytest.raises(ValueError, match="pattern"):
        tfqd.export.saved_model(quantized, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_names_that_are_no_utf_8_hold_files_but_no_saved_model(quantized, tmp_path):
    name = os.fsdecode(b"caf\xe9")
    with pytest.raises(ValueError, match="UTF-8"):
        tfqd.export.saved_model(quantized, tmp_path / name)
    assert not list(tmp_path.iterdir())
    tfqd.save(quantized, tmp_path / f"{name}.tfqd")
    assert tfqd.export.verify(tmp_path / f"{name}.tfqd").kind == "tfqd"


@pytest.mark.parametrize("name", ["m.tfqd", "m.tflite", "m.keras", "m", "folder/saved_model.pb"])
def test_verifying_a_pipe_does_not_wait(name, tmp_path, capsys):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    given = path.parent if path.parent != tmp_path else path
    assert main(["verify", str(given)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "pipe" in line


def test_the_demo_needs_a_folder(capsys):
    assert main(["demo", "--output="]) == 2
    assert "--output" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (tfqd.export.VerificationError("answers differ"), tfqd.export.VerificationError),
        (json.JSONDecodeError("no value", "[", 1), ValueError),
    ],
)
def test_a_path_is_named_once_by_an_error_of_the_same_class(error, kind):
    path, words = "folder/m.tflite", r"^folder/m\.tflite: (answers differ|no value)"
    with pytest.raises(kind, match=words) as found, naming(path), naming(path):
        raise error
    assert type(found.value) is kind
    assert found.value.__cause__ is error
