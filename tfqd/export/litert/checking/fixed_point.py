"""How kernels multiply integers by a factor: a mantissa of 31 bits and a shift.

Written from the arithmetic that TensorFlow Lite's reference kernels are documented to do
(Jacob et al. 2018, arXiv 1712.05877, section 2.2), in int64.
"""

import numpy as np

_MANTISSA, _WIDE_MANTISSA = 31, 15


def multiplied(x: np.ndarray, factor: np.ndarray | float) -> np.ndarray:
    """x times a factor, rounded to integers twice: by the mantissa, and by the shift.

    Args:
        x: int64, of numbers of 32 bits.
        factor: float64, positive; broadcasts.
    """
    mantissa, shift = mantissa_and_shift(factor)
    return shifted_product(x, mantissa, shift)


def multiplied_once(x: np.ndarray, factor: np.ndarray | float) -> np.ndarray:
    """As `multiplied`, rounded once, halves upwards: FULLY_CONNECTED does it so."""
    mantissa, shift = mantissa_and_shift(factor)
    bits = _MANTISSA - shift
    return (x * mantissa + (np.int64(1) << (bits - 1))) >> bits


def multiplied_wide(x: np.ndarray, factor: np.ndarray | float) -> np.ndarray:
    """As `multiplied_once`, of 48 bits by a mantissa of 15: kernels of INT16 do it so."""
    mantissa, shift = mantissa_and_shift(factor)
    bits = _WIDE_MANTISSA - shift
    short = np.minimum((mantissa + (1 << 15)) >> 16, 2**_WIDE_MANTISSA - 1)
    return (x * short + (np.int64(1) << (bits - 1))) >> bits


def mantissa_and_shift(factor: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """The factor as mantissa * 2^(shift - 31): int64 each, the mantissa of 31 bits."""
    fraction, shift = np.frexp(np.asarray(factor, np.float64))
    mantissa = np.floor(fraction * 2**_MANTISSA + 0.5).astype(np.int64)
    whole = mantissa == 2**_MANTISSA
    mantissa, shift = np.where(whole, mantissa // 2, mantissa), shift + whole
    tiny = shift < -_MANTISSA
    return np.where(tiny, 0, mantissa), np.where(tiny, 0, shift).astype(np.int64)


def shifted_product(x: np.ndarray, mantissa: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """x * mantissa * 2^(shift - 31), rounded after the product and after the shift: int64."""
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    return divided_by_power(high_product(x << left, mantissa), right)


def high_product(x: np.ndarray, y: np.ndarray | int) -> np.ndarray:
    """x * y / 2^31, rounded to the nearest, halves upwards: int64."""
    product = x * y
    nudge = np.where(product >= 0, 2 ** (_MANTISSA - 1), 1 - 2 ** (_MANTISSA - 1))
    return toward_zero(product + nudge, 2**_MANTISSA)


def toward_zero(x: np.ndarray, divisor: np.ndarray | int) -> np.ndarray:
    """The quotient as C computes it: int64."""
    return np.sign(x) * (np.abs(x) // divisor)


def rounded(x: np.ndarray) -> np.ndarray:
    """The nearest integer, halves away from 0, of floats."""
    return np.sign(x) * np.floor(np.abs(x) + 0.5)


def divided_by_power(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """x / 2^exponent, rounded to the nearest, halves away from 0."""
    mask = (np.int64(1) << exponent) - 1
    above = (x & mask) > (mask >> 1) + (x < 0)
    return (x >> exponent) + above
