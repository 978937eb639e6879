"""What XNNPACK answers, to which LiteRT hands operators of integers over: in numpy.

Its kernels round once, halves to even, after a product of floats of 32 bits; sums of two
tensors have a fixed point of their own. Operators that are not here run on the runtime's own
kernels, whose arithmetic is that of `integer_kernels`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfqd.export.litert.checking import integer_kernels
from tfqd.export.litert.checking.fixed_point import multiplied_once
from tfqd.export.litert.checking.functions import softmax_in_floats
from tfqd.export.litert.checking.grids import Grid, Integers
from tfqd.export.litert.checking.integer_kernels import (
    clipped,
    matrix_sums,
    mean_sums,
    summed,
    sums_of_products,
)
from tfqd.export.litert.file.flatbuffer import Op

# ADD of 16 bits, which XNNPACK does not take; LiteRT's own kernel rounds terms once on x86-64.
_WIDE_SUM = summed(1, multiplied_once)
# Bits of the larger factor of a sum's terms.
_FACTOR_BITS = 20
# Bits behind the point of the factor from one grid to another.
_CONVERSION_BITS = 8


def result(
    code: int, options: Any, inputs: Sequence[Integers | None], grid: Grid | None, shape
) -> np.ndarray:
    """The integers that an operator fills its output with; see `integer_kernels.result`."""
    if grid is not None and grid.bits == 16 and code == Op.ADD:
        return _WIDE_SUM(options, inputs, grid)
    if grid is None or grid.bits == 16:
        return integer_kernels.result(code, options, inputs, grid, shape)
    if code in _PRODUCTS:
        total = sums_of_products(code, options, inputs)
        data, weight = inputs[0], inputs[1]
        return _requantized(total, [data, weight], grid, options)
    if code in _COMPUTES:
        return _COMPUTES[code](options, inputs, grid)
    return integer_kernels.result(code, options, inputs, grid, shape)


def nearest(x: np.ndarray, scale: np.float32) -> np.ndarray:
    """The multiples of a scale that QUANTIZE takes floats for, halves to the even one."""
    return np.rint(x * (np.float32(1) / scale))


def _requantized(total: np.ndarray, factors, grid: Grid, options) -> np.ndarray:
    """Products of two tensors' integers, on the grid."""
    one, other = (each.grid.scale.astype(np.float32) for each in factors)
    return clipped(_scaled(total, one * other / _scale(grid)) + grid.zero, options, grid)


def _times(options, inputs, grid: Grid) -> np.ndarray:
    x, y = inputs
    product = (x.values - x.grid.zero) * (y.values - y.grid.zero)
    return _requantized(product, inputs, grid, options)


def _matrix_product(options, inputs, grid: Grid) -> np.ndarray:
    factor = _scale(inputs[0].grid) * _scale(inputs[1].grid) / _scale(grid)
    return np.clip(_scaled(matrix_sums(options, inputs), factor) + grid.zero, -128, 127)


def _sum(sign: int) -> Callable[..., np.ndarray]:
    def compute(options, inputs, grid: Grid) -> np.ndarray:
        ratios = [_scale(each.grid) / _scale(grid) for each in inputs]
        _, exponent = np.frexp(max(ratios))
        shift = _FACTOR_BITS + 1 - int(exponent)
        x, y = (
            (each.values - each.grid.zero) * np.rint(np.ldexp(ratio, shift)).astype(np.int64)
            for each, ratio in zip(inputs, ratios, strict=True)
        )
        total = (x + sign * y + (1 << (shift - 1))) >> shift
        return clipped(total + grid.zero, options, grid)

    return compute


def _mean(options, inputs, grid: Grid) -> np.ndarray:
    total, count = mean_sums(options, inputs)
    factor = _scale(inputs[0].grid) / _scale(grid) / np.float32(count)
    return np.clip(_scaled(total, factor) + grid.zero, -128, 127)


def _converted(options, inputs, grid: Grid) -> np.ndarray:
    (x,) = inputs
    ratio = _scale(x.grid) / _scale(grid)
    factor = int(np.rint(np.ldexp(ratio, _CONVERSION_BITS)))
    half = 1 << (_CONVERSION_BITS - 1)
    moved = ((x.values - x.grid.zero) * factor + half) >> _CONVERSION_BITS
    return np.clip(moved + grid.zero, -128, 127)


def _scaled(x: np.ndarray, factor: np.ndarray | np.float32) -> np.ndarray:
    return np.rint(x.astype(np.float32) * factor).astype(np.int64)


def _scale(grid: Grid) -> np.float32:
    return np.float32(grid.scale[0])


_PRODUCTS = (Op.FULLY_CONNECTED, Op.CONV_2D, Op.DEPTHWISE_CONV_2D)
_COMPUTES: dict[int, Callable[..., np.ndarray]] = {
    Op.ADD: _sum(1),
    Op.SUB: _sum(-1),
    Op.MUL: _times,
    Op.BATCH_MATMUL: _matrix_product,
    Op.MEAN: _mean,
    Op.QUANTIZE: _converted,
    Op.SOFTMAX: softmax_in_floats,
}
