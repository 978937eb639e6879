"""A training that is killed and resumed ends like one that was not, bit for bit."""

import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = pathlib.Path(__file__).with_name("train_resumably.py")
ROOT = SCRIPT.parents[2]
WAYS = ("backup", "keras")


def start(folder, way, *kill_at):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, SCRIPT, folder, way, *map(str, kill_at)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def final(folder):
    with np.load(folder / "final.npz") as arrays:
        return [arrays[name] for name in arrays.files]


def finish(process):
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of both trainings that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    finish(start(folder, "both"))
    return folder


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """The folder of both trainings that were killed, and went on in another process."""
    folder = tmp_path_factory.mktemp("resumed")
    for way in WAYS:
        (folder / way).mkdir()
        killed = start(folder / way, way, 2, 1)
        assert killed.wait(300) == -signal.SIGKILL
        assert not (folder / way / "final.npz").exists()
    finish(start(folder, "both"))
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_killed_in_the_middle_of_an_epoch_and_resumed(way, whole, resumed):
    expected, arrays = final(whole / way), final(resumed / way)
    assert len(arrays) == len(expected) > 20
    for one, other in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(one, other)
