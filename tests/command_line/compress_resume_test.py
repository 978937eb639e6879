"""A training that is interrupted by Ctrl-C goes on when its command is given again."""

import contextlib
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd_command.data import Data
from tfqd_command.main import main
from tfqd_command.training import Schedule, train
from tfqd_command.training_task import TrainingTask

EPOCHS = 100
TYPED = ["compress", "m.keras", "--to=small.tfqd", "--data=d.npz", "--bits=2"]
TYPED += [f"--epochs={EPOCHS}"]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """The folder and the process of the command, interrupted when the first epoch is over."""
    folder = tmp_path_factory.mktemp("resume")
    keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)]).save(folder / "m.keras")
    rng = np.random.default_rng(0)
    np.savez(folder / "d.npz", x=rng.normal(size=(64, 8)), y=rng.integers(0, 3, 64))
    command = [sys.executable, "-m", "tfqd_command", *TYPED]
    run = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not list(folder.glob("small.tfqd.*.resume.keras")) and run.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=120)
    return folder, subprocess.CompletedProcess(command, run.returncode, out, err)


@pytest.fixture
def state(interrupted, tmp_path, monkeypatch):
    """The file of the interrupted training, in a copy of the folder, the current one."""
    folder, _ = interrupted
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    (state,) = tmp_path.glob("*.resume.keras")
    return state


def test_says_that_the_same_command_goes_on(interrupted):
    folder, run = interrupted
    assert run.returncode == 130
    (state,) = folder.glob("small.tfqd.*.resume.keras")
    assert run.stderr.splitlines() == [
        "tfqd: interrupted; the same command goes on from the last whole epoch of "
        f"{EPOCHS} ({state.name})"
    ]
    assert f"Epoch {EPOCHS}/{EPOCHS}" not in run.stdout
    assert not (folder / "small.tfqd").exists()


def test_goes_on_from_the_last_whole_epoch(state, capfd):
    done = int(keras.saving.load_model(state).optimizer.iterations)  # one step an epoch
    assert done >= 1
    capfd.readouterr()
    assert main(TYPED) == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    assert f"Epoch {done}/{EPOCHS}" not in printed.out
    assert f"Epoch {done + 1}/{EPOCHS}" in printed.out
    assert f"Epoch {EPOCHS}/{EPOCHS}" in printed.out
    assert not state.exists()

    archive = state.with_name("small.tfqd")
    resumed = tfqd.load(archive, "compressed").dequantize()
    archive.unlink()
    assert main(TYPED) == 0
    whole = tfqd.load(archive, "compressed").dequantize()
    for path, weights in whole.items():
        np.testing.assert_allclose(resumed[path], weights, rtol=1e-4, err_msg=path)


def test_another_command_does_not_take_up_the_state(state, capfd):
    assert main([*TYPED, "--seed=1", "--epochs=1"]) == 0
    assert capfd.readouterr().out.startswith("1/1 - ")
    assert [*state.parent.glob("*.resume.keras")] == [state]


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_ctrl_c_is_not_lost_where_a_library_catches_everything(version, tmp_path, capsys):
    class Catching(version.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            with contextlib.suppress(BaseException):
                signal.raise_signal(signal.SIGINT)

    model = version.Sequential([version.Input((8,)), version.layers.Dense(3)])
    data = Data(np.ones((16, 8), "float32"), np.arange(16) % 3)
    arguments = model, data, TrainingTask("classes", True, True), Schedule(2, 8, 1e-3, 0)
    with pytest.raises(KeyboardInterrupt, match="before the end of the first epoch"):
        train(tfqd.quantize_model(model, 4), *arguments, tmp_path / "m.resume.keras", [Catching()])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
