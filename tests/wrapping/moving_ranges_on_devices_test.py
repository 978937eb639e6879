"""Ranges that follow the batches of several devices."""

import os
import pathlib
import subprocess
import sys

import follow_ranges_on_devices
import numpy as np

HERE = pathlib.Path(__file__).parent


def test_devices_share_ranges_that_move(tmp_path):
    """Each end moves to the mean of the devices' own."""
    output = tmp_path / "held.npz"
    subprocess.run(
        [sys.executable, HERE / "follow_ranges_on_devices.py", output],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        check=True,
        timeout=300,
    )
    with np.load(output) as arrays:
        held = {name: arrays[name] for name in arrays.files}
    assert {name.split("/")[0] for name in held} == {"keras", "tf_keras"}
    for name, (first, second) in held.items():
        assert first == second, name
    batches = np.array(follow_ranges_on_devices.BATCHES)
    high = 1.0
    for ends in batches / batches.max():
        high = 0.99 * high + 0.01 * ends.mean()
    of_inputs = [ends[0] for name, ends in held.items() if "input" in name and "high" in name]
    np.testing.assert_allclose(of_inputs, [high, high], rtol=1e-6)
