"""The CIFAR-10 example, on a few random images of CIFAR-10's format."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from example_modules import run_here

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "cifar10_resnet8.py"


def start(folder, *arguments):
    """Starts the program in a process of its own, to be killed."""
    command = [sys.executable, EXAMPLE, f"--output={folder / 'out'}", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def rows(folder):
    return json.loads((folder / "out" / "results.json").read_text())["rows"]


def test_a_run_that_is_killed_is_taken_up_and_finished_runs_are_kept(data, tmp_path):
    arguments = [f"--data_dir={data}", "--epochs=3", "--runs=post_training_4bit,uniform_2bit"]
    first = start(tmp_path, *arguments)
    for line in first.stdout:
        if "uniform_2bit, seed 0: epoch 2 of 3" in line:
            break
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert [row["run"] for row in rows(tmp_path)] == ["post_training_4bit"]
    (tmp_path / "out" / "uniform_2bit_3epochs_seed0" / "distiller.keras").stat()
    resumed = time.time()
    second = run_here("cifar10_resnet8.py", f"--output={tmp_path / 'out'}", *arguments)
    assert second.end is None
    assert "epoch 1 of 3" not in second.stdout
    assert "epoch 3 of 3" in second.stdout
    post_training, distilled = rows(tmp_path)
    assert distilled["run"] == "uniform_2bit"
    assert distilled["phases"] == {"0": 2}, "with three epochs the phases fall together"
    archive = tmp_path / "out" / "uniform_2bit_3epochs_seed0" / "model.tfqd"
    assert archive.stat().st_size == distilled["bytes"] < 0.7 * post_training["bytes"]
    assert archive.stat().st_mtime > resumed
    assert 0 <= distilled["accuracy"] <= 100
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())["values"]
    assert [*found] == ["float", "uniform_2bit, seed 0"]
    assert round(100 * found["uniform_2bit, seed 0"]["accuracy"], 2) == distilled["accuracy"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runs=distilled_5bit"], "--runs: no run called 'distilled_5bit'; there are float,"),
        (["--seeds=a"], "--seeds must be whole numbers"),
        (["--data_dir=missing"], "missing/models/resnet8_cifar10.h5 is not there"),
    ],
)
def test_bad_arguments_end_with_one_line(arguments, message, tmp_path):
    end = run_here("cifar10_resnet8.py", f"--output={tmp_path}", *arguments).end
    assert end.startswith("cifar10_resnet8: ")
    assert message in end
    assert "\n" not in end
