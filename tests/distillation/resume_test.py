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


def start(folder, way, *kill_at):
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, SCRIPT, folder, way, *map(str, kill_at)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def final(folder, process):
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    with np.load(folder / "final.npz") as arrays:
        return [arrays[name] for name in arrays.files]


@pytest.mark.parametrize("way", ["backup", "keras"])
def test_killed_in_the_middle_of_an_epoch_and_resumed(way, tmp_path):
    whole = start(tmp_path / "whole", way)
    killed = start(tmp_path / "resumed", way, 2, 1)
    assert killed.wait(300) == -signal.SIGKILL
    assert not (tmp_path / "resumed" / "final.npz").exists()
    resumed = start(tmp_path / "resumed", way)
    expected = final(tmp_path / "whole", whole)
    arrays = final(tmp_path / "resumed", resumed)
    assert len(arrays) == len(expected) > 20
    for one, other in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(one, other)
