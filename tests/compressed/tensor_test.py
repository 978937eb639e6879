"""One quantized tensor: what decodes to what, and what is refused."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from numpy_quantization import cases

from tfqd import ops
from tfqd.compressed import QuantizedTensor
from tfqd.spec.bucketing import Bucketing


def array(stored):
    return None if stored is None else stored.numpy()


def uint8(values):
    return np.array(values, np.uint8)


def floats(values):
    return np.array(values, np.float32)


@given(cases())
def test_uniform_codes_decode_to_the_quantized_weights_bit_for_bit(case):
    arguments = (case.weights, case.bucketing, case.levels, case.scaling)
    stored = ops.uniform_codes(*arguments)
    tensor = QuantizedTensor(
        np.asarray(stored.codes),
        case.bits,
        case.levels,
        case.bucketing,
        array(stored.scale),
        array(stored.offset),
    )
    decoded = tensor.dequantize()
    assert isinstance(decoded, np.ndarray)
    assert (decoded.dtype, decoded.shape) == (np.float32, case.weights.shape)
    np.testing.assert_array_equal(decoded, ops.uniform(*arguments))


@given(cases(), st.integers(0, 2**31 - 1))
def test_codebook_codes_decode_to_the_quantized_weights_bit_for_bit(case, seed):
    codebooks = [case.bucketing.count] if case.bucketing.layout == "tile" else []
    points = tf.random.stateless_uniform([*codebooks, 2**case.bits], [seed, 0], -0.2, 1.2)
    arguments = (case.weights, points, case.bucketing, case.scaling)
    stored = ops.codebook_codes(*arguments)
    tensor = QuantizedTensor(
        np.asarray(stored.codes),
        case.bits,
        2**case.bits,
        case.bucketing,
        *map(array, (stored.scale, stored.offset, stored.points)),
    )
    decoded = tensor.dequantize()
    assert isinstance(decoded, np.ndarray)
    assert (decoded.dtype, decoded.shape) == (np.float32, case.weights.shape)
    np.testing.assert_array_equal(decoded, ops.codebook(*arguments))


def test_affine_by_hand():
    bucketing = Bucketing((2, 3), 4)  # buckets of 4 and 2
    tensor = QuantizedTensor(
        uint8([[0, 1, 2], [3, 0, 3]]), 2, 4, bucketing, floats([3, 6]), floats([-1, 10])
    )
    assert tensor.dequantize().tolist() == [[-1, 0, 1], [2, 10, 16]]
    assert (tensor.shape, tensor.size) == ((2, 3), 6)


def test_symmetric_by_hand():
    bucketing = Bucketing((3, 2), None, "channel")  # one bucket a column
    tensor = QuantizedTensor(uint8([[0, 6], [3, 3], [6, 4]]), 3, 7, bucketing, floats([3, 30]))
    assert tensor.dequantize().tolist() == [[-3, 30], [0, 0], [3, 10]]


def test_an_even_symmetric_grid_is_that_of_integers_by_hand():
    tensor = QuantizedTensor(uint8([0, 1, 2, 3]), 2, 4, Bucketing((4,)), floats([3]))
    assert tensor.dequantize().tolist() == [-3, -1.5, 0, 1.5]


def test_one_symmetric_bit_by_hand():
    tensor = QuantizedTensor(uint8([0, 1]), 1, 2, Bucketing((2,)), floats([0.5]))
    assert tensor.dequantize().tolist() == [-0.5, 0.5]


def test_codebook_by_hand():
    bucketing = Bucketing((2, 2), None, "channel", (0,))  # one bucket a row
    tensor = QuantizedTensor(
        uint8([[0, 2], [1, 3]]),
        2,
        4,
        bucketing,
        floats([2, 4]),
        floats([10, 20]),
        floats([-0.5, 0.25, 0.5, 1]),
    )
    assert tensor.points_of_codes().tolist() == [[-0.5, 0.5], [0.25, 1]]
    assert tensor.dequantize().tolist() == [[9, 11], [21, 24]]


def test_several_codebooks_by_hand():
    bucketing = Bucketing((3, 2), None, "channel", (0,))  # one bucket a row
    tensor = QuantizedTensor(
        uint8([[0, 1], [1, 0], [2, 1]]),
        2,
        3,
        bucketing,
        floats([1, 2, 10]),
        None,
        floats([[-1, 0, 1], [-0.5, 0.25, 0.5]]),
        2,
    )
    assert tensor.points_of_codes().tolist() == [[-1, 0], [0, -1], [0.5, 0.25]]
    assert tensor.dequantize().tolist() == [[-1, 0], [0, -2], [5, 2.5]]


def test_a_uniform_grid_has_no_points():
    tensor = QuantizedTensor(uint8([0, 1]), 1, 2, Bucketing((2,)), floats([0.5]))
    with pytest.raises(ValueError, match="is on the uniform grid and has no points"):
        tensor.points_of_codes()


GOOD = {
    "codes": uint8([0, 3, 1, 2, 3]),
    "bits": 2,
    "levels": 4,
    "bucketing": Bucketing((5,), 3),
    "scale": floats([1, 2]),
    "offset": floats([0, 1]),
    "points": floats([0, 0.2, 0.7, 1]),
}


def test_what_fits_together_is_accepted():
    QuantizedTensor(**GOOD)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("bits", 0, "4 levels do not fit into 0 bits"),
        ("bits", 9, "4 levels do not fit into 9 bits"),
        ("bits", 1, "4 levels do not fit into 1 bits"),
        ("levels", 1, "1 levels do not fit into 2 bits"),
        ("levels", 5, "5 levels do not fit into 2 bits"),
        ("levels", 3, "codes must lie below 3; got 3"),
        ("codes", np.zeros(5, np.int32), "codes must be uint8 of shape .* got int32"),
        ("codes", np.zeros((5, 1), np.uint8), r"codes must be uint8 of shape \(5,\); got .*5, 1"),
        ("bucketing", Bucketing((5,), 2), r"scale must be float32 of shape \(3,\)"),
        ("scale", np.ones(2), "scale must be float32 of .* got float64"),
        ("scale", floats([1, np.nan]), "scale holds NaN or infinite values"),
        ("offset", floats([1]), r"offset must be float32 of shape \(2,\)"),
        ("offset", floats([np.inf, 0]), "offset holds NaN or infinite values"),
        ("points", floats([0, 1]), r"points must be float32 of shape \(4,\)"),
        ("points", floats([0, 1, 2, np.nan]), "points holds NaN or infinite values"),
        ("channels_per_codebook", 1, "channels_per_codebook must be at least 1, and the layout"),
    ],
)
def test_refuses_what_does_not_fit_together(field, value, message):
    with pytest.raises(ValueError, match=message):
        QuantizedTensor(**{**GOOD, field: value})


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        QuantizedTensor(**GOOD).bits = 4
