"""exp and 1 / x of numbers with a fixed point, as kernels of 8-bit softmax compute them.

Written from the arithmetic that TensorFlow Lite's reference kernels do by gemmlowp's functions:
numbers are integers of 32 bits, of which some stand before the point.
"""

import numpy as np

from tfqd.export.litert.checking.fixed_point import divided_by_power, high_product

_ONE = 2**31 - 1
# Before the point of what `exp` takes, and of the sums that `reciprocal` takes.
EXPONENT_BITS, SUM_BITS = 5, 12
_POINT = 31 - EXPONENT_BITS
# Newton and Raphson's start for 1 / x, with two bits before the point.
_START, _SLOPE = round(48 / 17 * 2**29), round(-32 / 17 * 2**29)


def exp(x: np.ndarray) -> np.ndarray:
    """exp(x) of x at most 0.

    Args:
        x: int64, with 5 bits before the point.

    Returns:
        int64, with none.
    """
    quarter = 1 << (_POINT - 2)
    rest = (x & (quarter - 1)) - quarter  # from -1/4 to 0
    result = _exp_above_a_quarter(rest << EXPONENT_BITS)
    whole = rest - x  # in quarters: a power of e for each of its bits
    for bit in range(-2, EXPONENT_BITS):
        power = round(np.exp(-(2.0**bit)) * 2**31)
        result = np.where(whole & (1 << (_POINT + bit)), high_product(result, power), result)
    return np.where(x == 0, _ONE, result)


def _exp_above_a_quarter(x: np.ndarray) -> np.ndarray:
    """exp(x) of x from -1/4 to 0, by four terms around -1/8; no bits before the point."""
    middle = round(np.exp(-1 / 8) * 2**31)
    x = x + (1 << 28)
    square = high_product(x, x)
    cube, fourth = high_product(square, x), high_product(square, square)
    third = high_product(divided_by_power(fourth, 2) + cube, round(2**31 / 3))
    return middle + high_product(x + divided_by_power(third + square, 1), middle)


def reciprocal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 / x of x at least 1.

    Args:
        x: int64, with 12 bits before the point.

    Returns:
        The mantissa, int64 with no bits before the point, and the power of 2 that it is to be
        divided by.
    """
    _, length = np.frexp(x.astype(np.float64))
    length = length.astype(np.int64)
    half = x << (31 - length)
    result = _START + high_product(half, _SLOPE)
    for _ in range(3):
        rest = 2**29 - high_product(half, result)
        result = result + (high_product(result, rest) << 2)
    return np.minimum(result << 1, _ONE), length - (32 - SUM_BITS)
