"""Ranges that follow the batches of several devices."""

import pathlib

import follow_ranges_on_devices
import numpy as np
from own_process import arrays_of

PROGRAM = pathlib.Path(__file__).parent / "follow_ranges_on_devices.py"


def test_devices_share_ranges_that_move(tmp_path):
    """Each end moves to the mean of the devices' own."""
    held = arrays_of(PROGRAM, tmp_path / "held.npz")
    assert {name.split("/")[0] for name in held} == {"keras", "tf_keras"}
    for name, (first, second) in held.items():
        assert first == second, name
    batches = np.array(follow_ranges_on_devices.BATCHES)
    high = 1.0
    for ends in batches / batches.max():
        high = 0.99 * high + 0.01 * ends.mean()
    of_inputs = [ends[0] for name, ends in held.items() if "input" in name and "high" in name]
    np.testing.assert_allclose(of_inputs, [high, high], rtol=1e-6)
