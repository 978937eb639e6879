"""Points take a byte each where 8-bit floats or integers hold them bit for bit."""

import dataclasses

import numpy as np
import pytest
from compressed_examples import assert_equal_models, only, quantized_tensor, saved

from tfqd import ops
from tfqd.compressed import read_manifest
from tfqd.compressed.points import from_bytes, to_bytes, type_of
from tfqd.compressed.sizes import fixed_bytes

CASES = {
    "small integers": ([-8, -1, 0, 3], "float8_e4m3"),
    "integers": ([-127, -33, 0, 101], "int8"),
    "the lowest integer": ([-128, -33, 0, 101], "int8"),
    "too large integers": ([-127, -33, 0, 129], "float32"),
    "far too large ones": ([-127, -33, 0, 1e30], "float32"),
    "a fraction": ([-127, -33, 0.25, 101], "float32"),
    "a zero below 0": ([-127, -33, -0.0, 101], "float32"),
}


@pytest.mark.parametrize(("numbers", "stored"), CASES.values(), ids=CASES)
def test_the_shortest_type_that_holds_all_is_taken(numbers, stored, tmp_path):
    points = np.float32(numbers)
    assert type_of(points) == stored
    assert from_bytes(to_bytes(points), stored).tobytes() == points.tobytes()
    tensor = dataclasses.replace(quantized_tensor(bits=2, kind="codebook"), points=points)
    loaded = saved(only(tensor), tmp_path / "m.tfqd")
    assert_equal_models(loaded, only(tensor))
    (entry,) = read_manifest(tmp_path / "m.tfqd").tensors
    assert entry.points == stored
    free = dataclasses.replace(tensor, points=points + np.float32(0.3))
    saves = 0 if stored == "float32" else 3 * 4
    assert fixed_bytes(free) - fixed_bytes(tensor) == saves


def test_points_of_the_integers_grid_are_integers():
    """Zero has no sign, which integers could not hold."""
    points = ops.to_integers(np.float32([-1, -0.26, -0.001, 0.0, 0.001, 0.79]), 127).numpy()
    assert not np.signbit(points[2:]).any()
    assert type_of(points) == "int8"
