"""Floats of one byte, FP8 E4M3, as numpy alone reads and writes them.

A byte has a sign, four bits of exponent and three of mantissa: (1 + m/8) 2^(e-7), with an
exponent of 0 m 2^-9. There is no infinity; two bytes are NaN (arXiv 2209.05433).
"""

import numpy as np

NAME = "float8_e4m3"


def _numbers() -> np.ndarray:
    byte = np.arange(256)
    exponent, mantissa = byte >> 3 & 15, byte & 7
    magnitude = np.ldexp(np.where(exponent > 0, 8.0 + mantissa, mantissa), exponent.clip(1) - 10)
    magnitude[byte & 127 == 127] = np.nan
    return np.where(byte < 128, magnitude, -magnitude).astype(np.float32)


# What each byte stands for: float32 [256].
NUMBERS = _numbers()
_POSITIVE = NUMBERS[:127]


def fits(values: np.ndarray) -> bool:
    """Whether bytes hold all values, float32 of any shape, exactly."""
    return np.array_equal(NUMBERS[_bytes_at_or_beyond(values)], values)


def to_bytes(values: np.ndarray) -> np.ndarray:
    """The bytes of values that they hold exactly: uint8, of the same shape.

    Raises:
        ValueError: for other values.
    """
    if not fits(values):
        raise ValueError("values must be numbers of FP8 E4M3")
    return _bytes_at_or_beyond(values)


def _bytes_at_or_beyond(values: np.ndarray) -> np.ndarray:
    magnitude = np.searchsorted(_POSITIVE[:-1], np.abs(values)).astype(np.uint8)
    return magnitude | np.signbit(values).astype(np.uint8) << 7
