"""Nothing half-written is ever found where a file or folder is expected."""

import os
import subprocess
import sys

import pytest
from source_tree import ROOT

from tfqd.compressed.atomic import new_file
from tfqd.export.staging import new_folder

KILLED = """
import os, pathlib, signal, sys
from tfqd.compressed.atomic import new_file
from tfqd.export.staging import new_folder
for stage, path in ((new_folder, sys.argv[1]), (new_file, sys.argv[2])):
    child = os.fork()
    if not child:
        with stage(pathlib.Path(path)) as staged:
            (staged / "part" if staged.is_dir() else staged).write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
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


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folders of a folder and of a file whose writers were killed, the file an older one."""
    served, models = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("models")
    (models / "model.keras").write_bytes(b"old")
    command = [sys.executable, "-c", KILLED, served / "1", models / "model.keras"]
    subprocess.run(command, cwd=ROOT, check=True)
    return served, models


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


def test_a_killed_process_leaves_no_folder_to_serve(killed):
    served, _ = killed
    assert [name for name in os.listdir(served) if name.isdecimal()] == []


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


def test_a_killed_process_leaves_the_old_file(killed):
    _, models = killed
    assert (models / "model.keras").read_bytes() == b"old"


def test_a_missing_folder_is_an_error_of_the_system(tmp_path):
    fail(new_file, tmp_path / "missing" / "model.keras", FileNotFoundError)
    assert os.listdir(tmp_path) == []
