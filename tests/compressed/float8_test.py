"""Floats of one byte."""

import ml_dtypes
import numpy as np
import pytest

from tfqd.compressed import float8

BYTES = np.arange(256, dtype=np.uint8)


def test_every_byte_is_the_number_that_ml_dtypes_reads():
    expected = BYTES.view(ml_dtypes.float8_e4m3fn).astype(np.float32)
    np.testing.assert_array_equal(float8.NUMBERS.view(np.uint32) >> 31, BYTES >> 7)
    np.testing.assert_array_equal(float8.NUMBERS, expected)


def test_numbers_come_back_as_their_bytes():
    finite = BYTES[~np.isnan(float8.NUMBERS)].reshape(2, -1)
    np.testing.assert_array_equal(float8.to_bytes(float8.NUMBERS[finite]), finite)


@pytest.mark.parametrize("value", [0.3, 449.0, -1e30, 2.0**-10, np.inf, np.nan])
def test_what_bytes_cannot_hold_is_refused(value):
    values = np.array([1.0, value], np.float32)
    assert not float8.fits(values)
    with pytest.raises(ValueError, match="values must be numbers of FP8 E4M3"):
        float8.to_bytes(values)
