"""A wrong command line, or a call that fails, is one clear line and a status."""

import pytest
from command import tfqd

from tfqd_command.main import main

WRONG = [
    # what was typed, status, what the line says
    ("", 2, "expected a command, one of: compress, inspect, sizes, convert, verify, evaluate"),
    ("shrink m.keras", 2, "evaluate, report, demo; got shrink"),
    ("verify", 2, "verify expects FILE; got none"),
    ("verify a.tfqd b.tfqd", 2, "verify expects FILE; got 2: a.tfqd b.tfqd"),
    ("convert a.tfqd", 2, "convert expects A and B; got 1: a.tfqd"),
    ("convert a.tfqd b.onnx", 2, "an output must end in .tfqd, .tflite, .keras, .safetensors or"),
    ("convert a.tfqd b.KERAS", 2, "or, for a SavedModel, in /; got 'b.KERAS'"),
    ("demo extra", 2, "demo expects no arguments; got 1: extra"),
    ("demo --seed=-1", 2, "flag --seed=-1: "),
    ("demo --seed=x", 2, "flag --seed=x"),
    ("demo --sed=1", 2, "Unknown command line flag 'sed'. Did you mean: seed"),
    ("demo --output=", 2, "--output must name a folder"),
    ("verify a.tfqd --seed=1", 2, "Unknown command line flag 'seed'"),
    ("verify no/such/file.tfqd", 1, "no/such/file.tfqd"),
    ("verify damaged.tfqd", 1, "damaged.tfqd: this is no tfqd archive"),
    ("verify damaged.keras", 1, "damaged.keras"),
    ("evaluate m.keras", 2, "evaluate needs --data=DATA.npz or module:function"),
    ("evaluate m.keras --data=d.csv", 2, "--data must be a file DATA.npz or a function"),
    ("evaluate m.keras --files=m.keras --data=d.npz", 2, "evaluate names a file twice"),
    ("evaluate m.keras --files=./m.keras --data=d.npz", 2, "evaluate names a file twice"),
    (
        "evaluate m.keras --files=a.tfqd,folder/../a.tfqd --data=d.npz",
        2,
        "evaluate names a file twice: m.keras, a.tfqd, folder/../a.tfqd",
    ),
    ("evaluate m.keras --data=missing.npz", 1, "missing.npz"),
    ("inspect missing.keras", 1, "missing.keras"),
    ("inspect damaged.keras", 1, "damaged.keras cannot be read as a model. keras: "),
    ("inspect damaged.h5", 1, "damaged.h5 cannot be read as a model. keras: "),
    ("inspect damaged.tfqd", 1, "damaged.tfqd: this is no tfqd archive"),
    ("inspect damaged.tflite", 1, "no TFLite file"),
    (
        "inspect text.txt",
        1,
        "text.txt must be a .tfqd, .tflite, .safetensors, .keras, .h5, .hdf5 file",
    ),
    ("convert text.txt b.keras", 1, "text.txt must be a .tfqd, .keras, .h5, .hdf5 file"),
    ("inspect folder", 1, "folder holds no SavedModel"),
    ("sizes missing.keras", 1, "missing.keras"),
    ("sizes damaged.tfqd", 1, "damaged.tfqd must be a .keras, .h5, .hdf5 file of a Keras model"),
    ("convert missing.tfqd b.keras", 1, "missing.tfqd"),
    ("convert damaged.tfqd no/such/folder/b.keras", 1, "there is no folder "),
    ("convert damaged.tfqd folder/b.keras", 1, "damaged.tfqd: this is no tfqd archive"),
    ("convert damaged.tfqd text.txt/", 1, "'text.txt/' is no folder"),
    ("demo --output=text.txt", 1, "text.txt"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with damaged files."""
    path = tmp_path_factory.mktemp("wrong")
    for name in ("damaged.tfqd", "damaged.keras", "damaged.h5", "damaged.tflite", "text.txt"):
        (path / name).write_bytes(b"nothing of the kind")
    (path / "folder").mkdir()
    return path


@pytest.mark.parametrize(("typed", "status", "message"), WRONG, ids=[each[0] for each in WRONG])
def test_an_error_is_one_line_and_a_status(typed, status, message, folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    assert main(typed.split()) == status
    printed = capfd.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("tfqd: ")
    assert message in line


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_an_empty_path_is_not_the_current_folder(command, folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    assert main([command, ""]) == 1
    assert capfd.readouterr().err == "tfqd: a path must not be empty; got ''\n"


def test_debug_shows_the_stack(folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    assert main(["inspect", "damaged.tfqd", "--debug"]) == 1
    lines = capfd.readouterr().err.splitlines()
    assert "Traceback (most recent call last):" in lines
    assert lines[-1].startswith("tfqd: ")


def test_the_console_script_exits_with_the_status_and_only_our_line(folder):
    wrong = tfqd("shrink")
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)
    failed = tfqd("inspect", "damaged.keras", cwd=folder)
    assert (failed.returncode, failed.stdout, failed.stderr.count("\n")) == (1, "", 1)
