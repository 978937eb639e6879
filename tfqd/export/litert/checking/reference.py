"""What operators of weights are to answer, in numpy and float64."""

import numpy as np

from tfqd.export.litert.file.flatbuffer import Op
from tfqd.export.litert.file.schema import schema


def answer(code: int, options, weight: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The answer of an operator without bias and activation.

    Args:
        code: FULLY_CONNECTED, CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV or
            EMBEDDING_LOOKUP.
        options: the operator's.
        weight: float64, as the file lays it out.
        x: float32, or int32 indices into the rows of a table.
    """
    if code == Op.EMBEDDING_LOOKUP:
        return weight[x]
    if code == Op.FULLY_CONNECTED:
        return x @ weight.T
    if code == Op.TRANSPOSE_CONV:
        return _transposed(options, weight, x)
    product = _depthwise if code == Op.DEPTHWISE_CONV_2D else _grouped
    return _convolution(options, weight, x, product)


def window(options, size: tuple[int, int]) -> tuple[int, int]:
    """How far a kernel reaches, holes included: height and width."""
    vertical = getattr(options, "dilationHFactor", 1)
    horizontal = getattr(options, "dilationWFactor", 1)
    return (size[0] - 1) * vertical + 1, (size[1] - 1) * horizontal + 1


def _convolution(options, weight, x, product) -> np.ndarray:
    steps = (options.strideH, options.strideW)
    spread = (options.dilationHFactor, options.dilationWFactor)
    reach = window(options, weight.shape[1:3])
    if options.padding == schema.Padding.SAME:
        outputs = [-(-size // step) for size, step in zip(x.shape[1:3], steps, strict=True)]
        missing = [
            max(0, (out - 1) * step + length - size)
            for out, step, length, size in zip(outputs, steps, reach, x.shape[1:3], strict=True)
        ]
        x = np.pad(x, [(0, 0), *[(m // 2, m - m // 2) for m in missing], (0, 0)])
    else:
        outputs = [(s - r) // t + 1 for s, r, t in zip(x.shape[1:3], reach, steps, strict=True)]
    total: float | np.ndarray = 0.0
    for row in range(weight.shape[1]):
        for column in range(weight.shape[2]):
            first = (row * spread[0], column * spread[1])
            rows, columns = (
                slice(f, f + (n - 1) * t + 1, t)
                for f, n, t in zip(first, outputs, steps, strict=True)
            )
            total = total + product(x[:, rows, columns], weight[:, row, column])
    return np.asarray(total)


def _grouped(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """[N, H, W, G * I] by [G * O, I]."""
    groups = x.shape[-1] // weight.shape[-1]
    parts = zip(np.split(x, groups, -1), np.split(weight, groups), strict=True)
    return np.concatenate([part @ rows.T for part, rows in parts], -1)


def _depthwise(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """[N, H, W, C] by [1, C * multiplier]."""
    return np.repeat(x, weight.shape[-1] // x.shape[-1], -1) * weight[0]


def _transposed(options, weight, x) -> np.ndarray:
    """Each input spreads the kernel over the output, at steps of the stride."""
    steps = (options.strideH, options.strideW)
    batch, *size, _ = x.shape
    reach = [(n - 1) * t + k for n, t, k in zip(size, steps, weight.shape[1:3], strict=True)]
    full = np.zeros((batch, *reach, weight.shape[0]))
    for row in range(weight.shape[1]):
        for column in range(weight.shape[2]):
            rows, columns = (
                slice(first, first + (n - 1) * t + 1, t)
                for first, n, t in zip((row, column), size, steps, strict=True)
            )
            full[:, rows, columns] += x @ weight[:, row, column].T
    if options.padding != schema.Padding.SAME:
        return full
    outputs = [n * t for n, t in zip(size, steps, strict=True)]
    # A kernel shorter than the stride leaves zeros at the end.
    cut = [max(0, r - o) // 2 for r, o in zip(reach, outputs, strict=True)]
    missing = [max(0, o - r) for r, o in zip(reach, outputs, strict=True)]
    full = np.pad(full, [(0, 0), (0, missing[0]), (0, missing[1]), (0, 0)])
    return full[:, cut[0] : cut[0] + outputs[0], cut[1] : cut[1] + outputs[1]]
