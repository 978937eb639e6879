"""Callbacks that read the optimizer, on two devices: in a process of their own."""

import pathlib

import numpy as np
import pytest
from own_process import arrays_of
from train_with_callbacks_on_devices import BUDGET

PROGRAM = pathlib.Path(__file__).parent / "train_with_callbacks_on_devices.py"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return arrays_of(PROGRAM, tmp_path_factory.mktemp("devices") / "trained.npz")


@pytest.mark.parametrize("version", ["keras", "tf_keras"])
def test_a_fit_on_two_devices_keeps_to_the_budget(trained, version):
    size = trained[f"{version}/ByteBudget/two/bytes"]
    assert 0.98 * BUDGET <= size <= BUDGET


@pytest.mark.parametrize("version", ["keras", "tf_keras"])
def test_weights_couple_on_two_devices_as_on_one(trained, version):
    one, two = (trained[f"{version}/CoupleWeights/{devices}/weights"] for devices in ("one", "two"))
    np.testing.assert_allclose(two, one, atol=1e-5)
