"""Nothing half-written is ever found where a file or folder is expected."""

import os
import signal
import subprocess
import sys

import pytest
from source_tree import ROOT

from tfqd.compressed.atomic import new_file
from tfqd.export.staging import new_folder

KILLED = """
import importlib, os, pathlib, signal
module = importlib.import_module("{module}")
with getattr(module, "{stage}")(pathlib.Path("{path}")) as staged:
    (staged / "part" if staged.is_dir() else staged).write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def fill(staged):
    (staged / "part" if staged.is_dir() else staged).write_bytes(b"half")


def fail(stage, path, error=RuntimeError):
    def filled_until_an_error():
        with stage(path) as staged:
            fill(staged)
            raise error

    with pytest.raises(error):
        filled_until_an_error()


def kill(stage, path):
    code = KILLED.format(module=stage.__module__, stage=stage.__name__, path=path)
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT)
    assert run.returncode == -signal.SIGKILL


def test_a_folder_appears_with_all_its_files(tmp_path):
    with new_folder(tmp_path / "served" / "model" / "1") as staged:
        (staged / "variables").mkdir()
        (staged / "variables" / "data").write_bytes(b"all")
        assert os.listdir(tmp_path / "served" / "model") == [staged.name]
        assert not staged.name.isdecimal(), "TensorFlow Serving loads folders that are numbers"
    assert os.listdir(tmp_path / "served" / "model") == ["1"]
    assert (tmp_path / "served/model/1/variables/data").read_bytes() == b"all"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_folder_leaves_nothing(tmp_path, error):
    fail(new_folder, tmp_path / "served" / "model" / "1", error)
    assert os.listdir(tmp_path) == []


def test_a_failed_folder_leaves_its_neighbours(tmp_path):
    (tmp_path / "1").mkdir()
    fail(new_folder, tmp_path / "2")
    assert os.listdir(tmp_path) == ["1"]


def test_a_killed_process_leaves_no_folder_to_serve(tmp_path):
    kill(new_folder, tmp_path / "1")
    assert [name for name in os.listdir(tmp_path) if name.isdecimal()] == []


def test_a_folder_that_appears_meanwhile_is_kept(tmp_path):
    stage = new_folder(tmp_path / "1")
    stage.__enter__()
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "theirs").touch()
    with pytest.raises(OSError, match="not empty"):
        stage.__exit__(None, None, None)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["1", "theirs"]


def test_a_file_is_replaced_at_once(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")
    with new_file(path) as staged:
        assert staged.suffix == path.suffix
        staged.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["model.keras"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_file_leaves_the_old_one(tmp_path, error):
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")
    fail(new_file, path, error)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.keras"]


def test_a_killed_process_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")
    kill(new_file, path)
    assert path.read_bytes() == b"old"


def test_a_missing_folder_is_an_error_of_the_system(tmp_path):
    stage = new_file(tmp_path / "missing" / "model.keras")
    staged = stage.__enter__()
    with pytest.raises(FileNotFoundError):
        staged.write_bytes(b"new")
