"""What kernels answer of softmax, sigmoid and tanh, integer for integer.

Those of 8 bits look each integer up, but for softmax; those of 16 bits go along lines between
the numbers of a table.
"""

from collections.abc import Callable

import numpy as np

from tfqd.export.litert.checking.exponentials import EXPONENT_BITS, SUM_BITS, exp, reciprocal
from tfqd.export.litert.checking.fixed_point import (
    divided_by_power,
    high_product,
    mantissa_and_shift,
    multiplied,
    rounded,
)
from tfqd.export.litert.checking.grids import Grid

_LOW, _HIGH = -128, 127
_UNIT = 2**15
# exp(-10) is nothing in 16 bits.
_FARTHEST = 10.0
# The table of sigmoid has its values at multiples of 1 / 24, in 16 bits, up to 255 of them.
_TABLE_STEPS = 24
_LAST = 255


def softmax(options, inputs, grid: Grid) -> np.ndarray:
    """By integers alone: the reference kernels' for 8 bits, and all kernels' for 16."""
    (x,) = inputs
    below = x.values - x.values.max(-1, keepdims=True)
    compute = _softmax_of_16_bits if grid.bits == 16 else _softmax_of_8_bits
    return compute(below, float(x.grid.scale[0]) * options.beta)


def softmax_in_floats(options, inputs, grid: Grid) -> np.ndarray:
    """By a table of powers as floats: LiteRT's own kernels for 8 bits."""
    (x,) = inputs
    scale = np.float32(x.grid.scale[0]) * np.float32(options.beta)
    below = x.values - x.values.max(-1, keepdims=True)
    powers = np.exp(scale * below.astype(np.float32)).astype(np.float32)
    total = powers.sum(-1, keepdims=True, dtype=np.float32) * np.float32(grid.scale[0])
    shares = powers * (np.float32(1) / total)
    integers = np.floor(shares + np.float32(0.5)).astype(np.int64)
    return np.clip(integers + grid.zero, grid.low, grid.high)


def _softmax_of_8_bits(below: np.ndarray, scale: float) -> np.ndarray:
    point = 31 - EXPONENT_BITS
    mantissa, shift = mantissa_and_shift(min(scale * 2**point, 2.0**31 - 1))
    # Powers of what is farther below are nothing.
    counts = below >= -((2**EXPONENT_BITS - 1) * 2**point >> int(shift))
    powers = exp(high_product(np.where(counts, below, 0) << shift, mantissa))
    terms = np.where(counts, divided_by_power(powers, SUM_BITS), 0)
    share, power = reciprocal(terms.sum(-1, keepdims=True))
    integers = divided_by_power(high_product(share, powers), power + 31 - 8)
    return np.where(counts, np.clip(integers + _LOW, _LOW, _HIGH), _LOW)


def _softmax_of_16_bits(below: np.ndarray, scale: float) -> np.ndarray:
    position = multiplied(below, scale / (_FARTHEST / (2 * _UNIT - 1))) + _UNIT - 1
    powers = _between(_line_table(np.exp, -_FARTHEST, 0), position)
    total = powers.sum(-1, keepdims=True)
    _, length = np.frexp(total.astype(np.float64))
    length = length.astype(np.int64)
    # 1 / (1 + x) of the total as 1 + x times a power of 2.
    above = ((total << (31 - length)) + (1 << 13)) >> 14
    share = _between(_line_table(lambda x: 1 / (1 + x), 0, 1), above - 3 * _UNIT)
    shift = length - 1
    integers = (powers * share + (np.int64(1) << (shift - 1))) >> shift
    return np.clip(integers, 0, _UNIT - 1)


def _line_table(function: Callable, low: float, high: float) -> np.ndarray:
    """513 values in 16 bits, moved so that lines between them are near in the middle too."""
    ends = np.linspace(low, high, 513)
    exact = function(ends) * _UNIT
    values = rounded(exact)
    middles = rounded(function((ends[:-1] + ends[1:]) / 2) * _UNIT)
    values[:-1] -= rounded((rounded((exact[1:] + values[:-1]) / 2) - middles) / 2)
    return np.clip(values, -_UNIT, _UNIT - 1).astype(np.int64)


def _between(table: np.ndarray, position: np.ndarray) -> np.ndarray:
    """A table's value at a position in 16 bits, 128 to a step."""
    position = np.clip(position, -_UNIT, _UNIT - 1)
    index, rest = (position >> 7) + 256, position & 127
    return table[index] + (((table[index + 1] - table[index]) * rest + 64) >> 7)


def sigmoid(options, inputs, grid: Grid) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    if grid.bits == 8:
        return _looked_up(lambda x: 1 / (1 + np.exp(-x)), inputs, grid)
    x = _in_table_steps(inputs)
    value = _along_sigmoid(np.abs(x), 9, (_UNIT - 1) << 10)
    return np.where(x >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1) >> 10


def tanh(options, inputs, grid: Grid) -> np.ndarray:
    """2 sigmoid(2 x) - 1."""
    if grid.bits == 8:
        return _looked_up(np.tanh, inputs, grid)
    x = _in_table_steps(inputs)
    value = _along_sigmoid(np.abs(x), 8, (2 * _UNIT - 1) << 8) - (1 << 23)
    return np.where(x >= 0, value + (1 << 7), -value + (1 << 7) - 1) >> 8


def _looked_up(function: Callable[[np.ndarray], np.ndarray], inputs, grid: Grid) -> np.ndarray:
    """A function that kernels look up for each of the 256 integers."""
    (x,) = inputs
    known = np.arange(_LOW, _HIGH + 1)
    values = np.float32(x.grid.scale[0]) * (known - x.grid.zero).astype(np.float32)
    table = rounded(function(values) / np.float32(grid.scale[0])) + grid.zero
    return np.clip(table, _LOW, _HIGH).astype(np.int64)[x.values - _LOW]


def _in_table_steps(inputs) -> np.ndarray:
    """x in units of 1 / 512 of the table's steps."""
    (x,) = inputs
    factor, shift = float(x.grid.scale[0]) * _TABLE_STEPS * 512, 0
    while factor <= (_UNIT - 1) / 2 and shift <= 30:
        factor, shift = 2 * factor, shift + 1
    half = 1 << (shift - 1) if shift else 0
    return (x.values * int(factor) + half) >> shift


def _along_sigmoid(x: np.ndarray, bits: int, last: int) -> np.ndarray:
    """The table's values times 2^bits, on lines between them.

    Args:
        x: not negative, with so many bits to a step.
        bits: see `x`.
        last: the value beyond the table.
    """
    table = _sigmoid_table()
    index, rest = np.minimum(x >> bits, _LAST - 1), x & ((1 << bits) - 1)
    line = (table[index] << bits) + rest * (table[index + 1] - table[index])
    return np.where(x >> bits >= _LAST, last, line)


def _sigmoid_table() -> np.ndarray:
    """256 values, moved by half of what lines between them are off in the middle."""
    places = np.arange(0, _LAST + 1, 0.5)
    exact = 2 * _UNIT / (1 + np.exp(-places / _TABLE_STEPS))
    ends, middles = exact[::2], exact[1::2]
    off = middles[:-1] - (ends[:-1] + ends[1:]) / 2
    return np.append(rounded(ends[:-1] + off / 2), 2 * _UNIT - 1).astype(np.int64)
