"""A training that is interrupted by Ctrl-C goes on when its command is given again."""

import pathlib
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

import tfqd

EPOCHS = 60
COMMAND = [sys.executable, "-m", "tfqd_command", "compress", "m.keras", "--to=small.tfqd"]
COMMAND += ["--data=d.npz", "--bits=2", f"--epochs={EPOCHS}"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("resume")
    keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)]).save(path / "m.keras")
    rng = np.random.default_rng(0)
    np.savez(path / "d.npz", x=rng.normal(size=(64, 8)), y=rng.integers(0, 3, 64))
    return path


def interrupted(folder):
    """The command, interrupted when the first epoch is over."""
    run = subprocess.Popen(
        COMMAND, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not list(folder.glob("small.tfqd.*.resume.keras")) and run.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    return (*run.communicate(timeout=120), run.returncode)


def test_goes_on_from_the_last_whole_epoch(folder):
    out, err, status = interrupted(folder)
    assert status == 130
    (state,) = folder.glob("small.tfqd.*.resume.keras")
    lines = err.splitlines()
    assert lines == [
        "tfqd: interrupted; the same command goes on from the last whole epoch of "
        f"{EPOCHS} ({state.name})"
    ]
    assert f"Epoch {EPOCHS}/{EPOCHS}" not in out
    assert not (folder / "small.tfqd").exists()
    done = int(keras.saving.load_model(state).optimizer.iterations)  # one step an epoch
    assert done >= 1

    again = subprocess.run(COMMAND, cwd=folder, capture_output=True, text=True)
    assert (again.returncode, again.stderr) == (0, "")
    assert f"Epoch {done}/{EPOCHS}" not in again.stdout
    assert f"Epoch {done + 1}/{EPOCHS}" in again.stdout
    assert f"Epoch {EPOCHS}/{EPOCHS}" in again.stdout
    assert not state.exists()

    resumed = tfqd.load(folder / "small.tfqd", "compressed").dequantize()
    (folder / "small.tfqd").unlink()
    subprocess.run(COMMAND, cwd=folder, check=True, capture_output=True)
    whole = tfqd.load(folder / "small.tfqd", "compressed").dequantize()
    for path, weights in whole.items():
        np.testing.assert_allclose(resumed[path], weights, rtol=1e-4, err_msg=path)


def test_another_command_does_not_take_up_the_state(folder):
    _, _, status = interrupted(folder)
    assert status == 130
    (state,) = folder.glob("*.resume.keras")
    other = [*COMMAND, "--seed=1", "--epochs=1"]
    run = subprocess.run(other, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("1/1 - ")
    assert [*folder.glob("*.resume.keras")] == [pathlib.Path(state)]
