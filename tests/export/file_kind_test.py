"""What kind of file stands at a path is told by its ending or its first bytes."""

import os

import keras
import pytest

import tfqd
from tfqd.export.file_kind import file_kind


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The bytes of an archive."""
    path = tmp_path_factory.mktemp("kinds") / "m.tfqd"
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    tfqd.save(tfqd.quantize_model(model, 4), path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("m.tfqd", "tfqd"),
        ("M.TFQD", "tfqd"),
        ("m.tflite", "tflite"),
        ("M.TFLITE", "tflite"),
        ("m.SafeTensors", "safetensors"),
        ("m.keras", "keras"),
        ("M.KERAS", "other"),
        ("m.h5", "hdf5"),
        ("m.hdf5", "hdf5"),
        ("m.bin", "other"),
        ("m", "other"),
    ],
)
def test_the_ending_tells_of_what_is_no_archive(name, kind, tmp_path):
    (tmp_path / f"x{name}").write_bytes(b"PK\3\4 nothing of the kind")
    assert file_kind(tmp_path / f"x{name}") == kind


@pytest.mark.parametrize("name", ["m.bin", "m", "m.keras", "m.h5", "m.v2"])
def test_archives_may_have_any_name(name, archive, tmp_path):
    (tmp_path / name).write_bytes(archive)
    assert file_kind(os.fspath(tmp_path / name)) == "tfqd"


def test_folders_are_saved_models_whatever_they_are_called(tmp_path):
    (tmp_path / "served.tfqd").mkdir()
    assert file_kind(tmp_path / "served.tfqd") == "saved_model"


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.tfqd")
    with pytest.raises(ValueError, match="is a device, pipe or socket"):
        file_kind(tmp_path / "pipe.tfqd")
    with pytest.raises(ValueError, match="must not be empty"):
        file_kind("")
    with pytest.raises(FileNotFoundError):
        file_kind(tmp_path / "missing.tfqd")
