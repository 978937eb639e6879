"""Two devices learn what one learns with the same global batch."""

import os
import pathlib
import subprocess
import sys

import numpy as np

SCRIPT = pathlib.Path(__file__).with_name("train_on_devices.py")


def test_two_mirrored_devices_equal_one(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])}
    processes = {
        devices: subprocess.Popen(
            [sys.executable, SCRIPT, devices, tmp_path / f"{devices}.npz"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for devices in ("one", "mirrored")
    }
    results = {}
    for devices, process in processes.items():
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        with np.load(tmp_path / f"{devices}.npz") as arrays:
            results[devices] = {name: arrays[name] for name in arrays.files}
    one, two = results["one"], results["mirrored"]
    assert one.keys() == two.keys() >= {"loss", "student_loss", "feature_distillation", "accuracy"}
    for name, expected in one.items():
        np.testing.assert_allclose(two[name], expected, rtol=2e-4, atol=2e-5, err_msg=name)
