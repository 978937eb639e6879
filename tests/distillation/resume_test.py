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


def run(folder, part):
    """The exit status of a part of the script, and what it wrote of errors."""
    command = [sys.executable, SCRIPT, folder, part]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, timeout=300)
    return ended.returncode, ended.stderr


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder of a training that was killed, went on in another process, and of a whole one."""
    folder = tmp_path_factory.mktemp("resumed")
    status, errors = run(folder, "killed")
    assert status == -signal.SIGKILL, errors
    assert not list(folder.glob("*.npz"))
    status, errors = run(folder, "resumed")
    assert status == 0, errors
    return folder


def final(path):
    with np.load(path) as arrays:
        return [arrays[name] for name in arrays.files]


@pytest.mark.parametrize("way", ["backup", "keras"])
def test_killed_in_the_middle_of_an_epoch_and_resumed(way, results):
    expected, arrays = final(results / "whole.npz"), final(results / f"{way}.npz")
    assert len(arrays) == len(expected) > 20
    for one, other in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(one, other)
