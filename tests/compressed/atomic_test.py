"""A save that fails, or whose process is killed, leaves the old file or the new one."""

import json
import os
import pathlib
import stat
import subprocess
import sys

import pytest
from compressed_examples import assert_equal_models, small_model

from tfqd.compressed import atomic, read_archive, write_archive
from tfqd.compressed.atomic import replace_file

ROOT = pathlib.Path(__file__).parents[2]

# Forks children that save two models in turn until they are killed. In a process
# of its own, without TensorFlow, whose threads would make forking unsafe.
KILL_SAVES = """
import json, os, pathlib, random, signal, sys, time, types
tfqd = types.ModuleType("tfqd")
tfqd.__path__ = ["tfqd"]
sys.modules["tfqd"] = tfqd
sys.path.insert(0, "tests/compressed")
import numpy
from compressed_examples import constant_tensor
from tfqd.compressed import CompressedModel, write_archive

folder = pathlib.Path(sys.argv[1])
path = folder / "model.tfqd"
models = [  # most of the time goes into writing
    CompressedModel({"kernel": constant_tensor(), "bias": numpy.full(200_000, value)})
    for value in (0.5, 1.5)
]
assert "tensorflow" not in sys.modules
complete = []
start = time.perf_counter()
for model in models:
    write_archive(model, path)
    complete.append(path.read_bytes())
seconds = time.perf_counter() - start
found = {"first": 0, "second": 0, "neither": 0, "unfinished": 0}
random.seed(0)
for _ in range(int(sys.argv[2])):
    models.reverse()
    child = os.fork()
    if child == 0:
        while True:
            for model in models:
                write_archive(model, path)
    time.sleep(random.uniform(0, min(0.1, 2 * seconds)))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    data = path.read_bytes()
    found[["first", "second"][complete.index(data)] if data in complete else "neither"] += 1
    for leftover in folder.glob(".tfqd-*"):
        found["unfinished"] += 1
        leftover.unlink()
print(json.dumps(found))
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.tfqd"


def test_killed_saves_leave_a_complete_file(tmp_path):
    command = [sys.executable, "-c", KILL_SAVES, tmp_path, "200"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)
    assert found["neither"] == 0
    assert found["first"] > 0
    assert found["second"] > 0
    assert found["unfinished"] > 0  # that many were killed while they wrote


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_failed_saves_leave_the_old_file_and_no_other(path, monkeypatch, call):
    write_archive(small_model(0), path)

    def fail(*_, **__):
        raise OSError("no space left on device")

    if call == "write":
        monkeypatch.setattr(atomic, "open", FullDisk, raising=False)
    else:
        monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="no space left"):
        write_archive(small_model(1), path)
    monkeypatch.undo()
    assert os.listdir(path.parent) == [path.name]
    assert_equal_models(read_archive(path), small_model(0))


class FullDisk:
    """A file that takes nothing."""

    def __init__(self, path, mode):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nothing is open."""

    def writelines(self, _):
        raise OSError("no space left on device")


def test_chunks_that_fail_leave_the_old_file_and_no_other(path):
    def chunks():
        yield b"new"
        raise KeyboardInterrupt

    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        replace_file(path, chunks())
    assert os.listdir(path.parent) == [path.name]
    assert path.read_bytes() == b"old"


def test_bytes_reach_the_disk_before_the_name_does(path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)

        def record(*args, name=name, original=original):
            directory = name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode)
            calls.append("fsync folder" if directory else name)
            return original(*args)

        monkeypatch.setattr(os, name, record)
    replace_file(path, [b"new"])
    assert calls == ["fsync", "replace", "fsync folder"]


def test_the_mode_follows_the_umask(path):
    before = os.umask(0o027)
    try:
        replace_file(path, [b"new"])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_symbolic_links_are_followed(tmp_path):
    (tmp_path / "models").mkdir()
    target, link = tmp_path / "models" / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    replace_file(link, [b"new"])
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert os.listdir(target.parent) == [target.name]


@pytest.mark.parametrize("folder", ["missing", "missing/inner"])
def test_a_folder_that_is_missing_is_named_before_anything_is_made(tmp_path, folder):
    path = tmp_path / folder / "model.tfqd"
    message = f"there is no folder '{path.parent}' to write '{path}' into"
    with pytest.raises(FileNotFoundError, match=message):
        replace_file(path, [b"new"])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a." + 253 * "b", "." + 254 * "b", 250 * "a" + ".tfqd"])
def test_a_name_as_long_as_the_file_system_takes_is_written(tmp_path, name):
    replace_file(tmp_path / name, [b"new"])
    assert os.listdir(tmp_path) == [name]


def test_relative_paths_are_of_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    replace_file("model.tfqd", [b"new", b"er"])
    assert (tmp_path / "model.tfqd").read_bytes() == b"newer"
