"""What operators of activations of 8 or 16 bits answer, integer for integer, in numpy."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfqd.export.litert.checking.fixed_point import (
    mantissa_and_shift,
    multiplied,
    multiplied_once,
    multiplied_wide,
    rounded,
    shifted_product,
    toward_zero,
)
from tfqd.export.litert.checking.functions import sigmoid, softmax, tanh
from tfqd.export.litert.checking.grids import Grid, Integers
from tfqd.export.litert.checking.reference import answer
from tfqd.export.litert.file.flatbuffer import Op
from tfqd.export.litert.file.operators import INTEGER_KERNELS
from tfqd.export.litert.file.schema import schema

# Bits that sums are made with, beyond those of their terms.
_HEADROOM = {8: 20, 16: 15}


class NotSimulated(ValueError):
    """An operator that is not here."""


def result(
    code: int, options: Any, inputs: Sequence[Integers | None], grid: Grid | None, shape
) -> np.ndarray:
    """The integers that an operator fills its output with: int64.

    Args:
        code: the `Op`.
        options: the operator's.
        inputs: its tensors; None for one that is left out.
        grid: of the output.
        shape: of the output, with the batch that is simulated.

    Raises:
        NotSimulated: a ValueError, for another operator.
    """
    if code in INTEGER_KERNELS and code != Op.EMBEDDING_LOOKUP:
        return _product(code, options, inputs, _known(grid))
    if code in _MOVES:
        return _MOVES[code](options, inputs, shape)
    if code in _COMPUTES:
        return _COMPUTES[code](options, inputs, _known(grid))
    raise NotSimulated(f"operator {code} is not simulated")


def nearest(x: np.ndarray, scale: np.float32) -> np.ndarray:
    """The multiples of a scale that QUANTIZE takes floats for, halves away from 0."""
    return rounded(x / scale)


def _product(code: int, options, inputs, grid: Grid) -> np.ndarray:
    kernel = INTEGER_KERNELS[code]
    total = sums_of_products(code, options, inputs)
    factor = inputs[kernel.data].grid.scale[0] * inputs[kernel.weight].grid.scale / grid.scale[0]
    rescale = _RESCALES[grid.bits, code == Op.FULLY_CONNECTED]
    return clipped(rescale(total, factor) + grid.zero, options, grid)


# By the bits of activations, and whether it is a FULLY_CONNECTED, which rounds once.
_RESCALES: dict[tuple[int, bool], Callable[..., np.ndarray]] = {
    (8, False): multiplied,
    (8, True): multiplied_once,
    (16, False): multiplied_wide,
    (16, True): lambda total, factor: rounded(total * factor).astype(np.int64),
}


def sums_of_products(code: int, options: Any, inputs: Sequence[Any]) -> np.ndarray:
    """What an operator with weights adds up, its bias too, before it is rounded: int64."""
    kernel = INTEGER_KERNELS[code]
    x, weight = inputs[kernel.data], inputs[kernel.weight]
    data = (x.values - x.grid.zero).astype(np.float64)
    if code == Op.FULLY_CONNECTED:
        data = data.reshape(
            *(data.shape[:-1] if options.keepNumDims else [-1]), weight.values.shape[1]
        )
    # Sums of products of 16 bits with 8 are exact in float64.
    total = answer(code, options, weight.values.astype(np.float64), data).astype(np.int64)
    bias = None if kernel.bias is None or len(inputs) <= kernel.bias else inputs[kernel.bias]
    return total if bias is None else total + bias.values


def summed(sign: int, scaled: Callable[..., np.ndarray] = multiplied) -> Callable[..., np.ndarray]:
    """The kernel of x + sign * y, which brings both to one unit by `scaled`."""

    def compute(options, inputs, grid: Grid) -> np.ndarray:
        scales = [each.grid.scale[0] for each in inputs]
        unit, headroom = 2 * max(scales), _HEADROOM[grid.bits]
        terms = [
            scaled((each.values - each.grid.zero) << headroom, scale / unit)
            for each, scale in zip(inputs, scales, strict=True)
        ]
        total = multiplied(terms[0] + sign * terms[1], unit / (2**headroom * grid.scale[0]))
        return clipped(total + grid.zero, options, grid)

    return compute


def _times(options, inputs, grid: Grid) -> np.ndarray:
    x, y = inputs
    product = (x.values - x.grid.zero) * (y.values - y.grid.zero)
    factor = float(_in_float32(x.grid) * _in_float32(y.grid) / _in_float32(grid))
    return clipped(multiplied(product, factor) + grid.zero, options, grid)


def _matrix_product(options, inputs, grid: Grid) -> np.ndarray:
    factor = inputs[0].grid.scale[0] * inputs[1].grid.scale[0] / grid.scale[0]
    total = matrix_sums(options, inputs)
    return np.clip(multiplied(total, factor) + grid.zero, grid.low, grid.high)


def matrix_sums(options: Any, inputs: Sequence[Any]) -> np.ndarray:
    """What a product of two tensors' matrices adds up: int64."""
    x, y = (each.values - each.grid.zero for each in inputs)
    return (x.swapaxes(-1, -2) if options.adjX else x) @ (y.swapaxes(-1, -2) if options.adjY else y)


def _mean(options, inputs, grid: Grid) -> np.ndarray:
    total, count = mean_sums(options, inputs)
    mantissa, shift = mantissa_and_shift(inputs[0].grid.scale[0] / grid.scale[0])
    # The division by the count goes into the mantissa, as far as its bits reach.
    spare = min(count.bit_length() - 1, 32, 31 + int(shift))
    product = shifted_product(total, (mantissa << spare) // count, shift - spare)
    return np.clip(product + grid.zero, grid.low, grid.high)


def mean_sums(options: Any, inputs: Sequence[Any]) -> tuple[np.ndarray, int]:
    """What a MEAN adds up, int64, and of how many each sum is."""
    x, axes = inputs
    axis = tuple(int(each) for each in np.ravel(axes.values))
    count = int(np.prod([x.values.shape[each] for each in axis]))
    return (x.values - x.grid.zero).sum(axis, keepdims=bool(options.keepDims)), count


def _rescaled(options, inputs, grid: Grid) -> np.ndarray:
    (x,) = inputs
    factor = x.grid.scale[0] / grid.scale[0]
    return np.clip(multiplied(x.values - x.grid.zero, factor) + grid.zero, grid.low, grid.high)


def _relu(largest: float | None) -> Callable[..., np.ndarray]:
    def compute(options, inputs, grid: Grid) -> np.ndarray:
        (x,) = inputs
        top = grid.high if largest is None else grid.zero + int(rounded(largest / grid.scale[0]))
        factor = float(_in_float32(x.grid) / _in_float32(grid))
        scaled = multiplied(x.values - x.grid.zero, factor) + grid.zero
        return np.clip(scaled, grid.zero, min(grid.high, top))

    return compute


def _in_float32(grid: Grid) -> np.float32:
    """The scale as those kernels take it that compute their factor in 32 bits."""
    return np.float32(grid.scale[0])


def _pooled(options, inputs, average: bool) -> np.ndarray:
    (x,) = inputs
    windows, inside = _windows(options, x.values)
    if not average:
        return clipped(np.where(inside, windows, x.grid.low).max((3, 4)), options, x.grid)
    count = inside.sum((3, 4))
    total = np.where(inside, windows, 0).sum((3, 4))
    half = np.where(total > 0, count // 2, -(count // 2))
    return clipped(toward_zero(total + half, count), options, x.grid)


def _windows(options, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each output looks at, [N, Ho, Wo, kh, kw, C], and which of it is inside the image."""
    size = (options.filterHeight, options.filterWidth)
    step = (options.strideH, options.strideW)
    missing = [0, 0]
    if options.padding == schema.Padding.SAME:
        missing = [
            max(0, (-(-n // t) - 1) * t + k - n)
            for n, k, t in zip(x.shape[1:3], size, step, strict=True)
        ]
    amounts = [(0, 0), *[(each // 2, each - each // 2) for each in missing], (0, 0)]

    def cut(array):
        views = np.lib.stride_tricks.sliding_window_view(np.pad(array, amounts), size, (1, 2))
        return np.moveaxis(views[:, :: step[0], :: step[1]], 3, -1)

    return cut(x), cut(np.ones(x.shape, bool))


def _padded(options, inputs, shape) -> np.ndarray:
    x, amounts = inputs
    return np.pad(x.values, amounts.values.tolist(), constant_values=x.grid.zero)


def clipped(values: np.ndarray, options: Any, grid: Grid) -> np.ndarray:
    """Integers clipped by their type and by a fused activation."""
    kinds = schema.ActivationFunctionType
    fused = options.fusedActivationFunction
    low = grid.zero if fused in (kinds.RELU, kinds.RELU6) else grid.low
    high = grid.high
    if fused == kinds.RELU6:
        high = min(high, grid.zero + int(rounded(6 / grid.scale[0])))
    return np.clip(values, low, high)


def _known(grid: Grid | None) -> Grid:
    if grid is None:
        raise NotSimulated("an operator of floats is not simulated")
    return grid


def _reshaped(options, inputs, shape) -> np.ndarray:
    return inputs[0].values.reshape(shape)


def _reshaped_as_asked(options, inputs, shape) -> np.ndarray:
    """The shape is computed where the batch is free; else the file's own, of another batch."""
    asked = inputs[1].values if len(inputs) > 1 else np.array(shape)
    fits = -1 in asked or np.prod(asked) == inputs[0].values.size
    return inputs[0].values.reshape(asked if fits else shape)


def _sliced(options, inputs, shape) -> np.ndarray:
    x, *bounds = (each.values for each in inputs)
    slices: list[slice | int] = []
    for axis, (begin, end, step) in enumerate(zip(*bounds, strict=True)):
        first = None if options.beginMask >> axis & 1 else int(begin)
        last = None if options.endMask >> axis & 1 else int(end)
        alone = options.shrinkAxisMask >> axis & 1
        slices.append(int(begin) if alone else slice(first, last, int(step)))
    return x[tuple(slices)]


_MOVES: dict[int, Callable[..., np.ndarray]] = {
    Op.RESHAPE: _reshaped_as_asked,
    Op.SHAPE: lambda options, inputs, shape: np.array(inputs[0].values.shape),
    Op.STRIDED_SLICE: _sliced,
    Op.GATHER: lambda options, inputs, shape: np.take(
        inputs[0].values, inputs[1].values, options.axis
    ),
    Op.REDUCE_PROD: lambda options, inputs, shape: inputs[0].values.prod(
        tuple(np.ravel(inputs[1].values)), keepdims=bool(options.keepDims)
    ),
    Op.PACK: lambda options, inputs, shape: np.stack([each.values for each in inputs]),
    Op.EXPAND_DIMS: _reshaped,
    Op.SQUEEZE: _reshaped,
    Op.PAD: _padded,
    Op.MAXIMUM: lambda options, inputs, shape: np.maximum(inputs[0].values, inputs[1].values),
    Op.TRANSPOSE: lambda options, inputs, shape: inputs[0].values.transpose(inputs[1].values),
    Op.CONCATENATION: lambda options, inputs, shape: np.concatenate(
        [each.values for each in inputs], options.axis
    ),
    Op.MAX_POOL_2D: lambda options, inputs, shape: _pooled(options, inputs, average=False),
    Op.AVERAGE_POOL_2D: lambda options, inputs, shape: _pooled(options, inputs, average=True),
}
_COMPUTES: dict[int, Callable[..., np.ndarray]] = {
    Op.ADD: summed(1),
    Op.SUB: summed(-1),
    Op.MUL: _times,
    Op.BATCH_MATMUL: _matrix_product,
    Op.MEAN: _mean,
    Op.QUANTIZE: _rescaled,
    Op.RELU: _relu(None),
    Op.RELU6: _relu(6.0),
    Op.SOFTMAX: softmax,
    Op.LOGISTIC: sigmoid,
    Op.TANH: tanh,
}
