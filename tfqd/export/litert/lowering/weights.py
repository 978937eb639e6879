"""A matched weight in the numbers that integer kernels take."""

import dataclasses
import math

import numpy as np

from tfqd.compressed import QuantizedTensor
from tfqd.export.litert.lowering.matching import Match
from tfqd.spec.grid import LARGEST_INTEGER, zero_code


class NoIntegerForm(ValueError):
    """Why a weight, as it was trained, is none of the forms that integer kernels take."""


@dataclasses.dataclass(frozen=True, eq=False)
class IntegerWeight:
    """Weights of O output channels with I inputs each: integer * step + offset.

    path: the weight's in the model.
    spec: what it was quantized by.
    integers: int16 [O, I].
    step: float32 [O, B], positive; the step of each of B blocks of a channel.
    offset: float32 [O, B], or None for symmetric scaling.
    block: inputs of a block; the last one may have fewer.
    """

    path: str
    spec: dict
    integers: np.ndarray
    step: np.ndarray
    offset: np.ndarray | None
    block: int

    @property
    def blocks(self) -> int:
        """Blocks of a channel."""
        return self.step.shape[1]

    @property
    def bits(self) -> int:
        """2, 4 or 8: the narrowest integer type that holds the integers."""
        low, high = int(self.integers.min()), int(self.integers.max())
        return next(b for b in (2, 4, 8) if -(2 ** (b - 1)) <= low and high < 2 ** (b - 1))

    def dequantize(self) -> np.ndarray:
        """The weights: float32 [O, I]."""
        step = np.repeat(self.step, self.block, axis=1)[:, : self.integers.shape[1]]
        values = self.integers.astype(np.float32) * step
        if self.offset is None:
            return values
        return values + np.repeat(self.offset, self.block, axis=1)[:, : self.integers.shape[1]]


def integer_weight(match: Match) -> IntegerWeight:
    """The integers and steps of a matched weight, in the order of the file.

    Raises:
        NoIntegerForm: when its points lie on no grid of integers, or its buckets
            are no runs of one output channel's weights.
    """
    tensor = match.tensor
    integers, step = _integers(tensor)
    block = _block(match)
    step = _per_block(match, step, block) * match.factor[:, None]
    integers = match.laid_out(integers)
    # Steps must be positive: a negative factor turns the integers about, and what is zero
    # throughout has any step: the least of the others', as kernels round biases by it.
    integers = np.where(match.factor[:, None] < 0, -integers, integers)
    step = np.abs(step).astype(np.float32)
    dead = step < np.finfo(np.float32).tiny
    step = np.where(dead, np.float32(1) if dead.all() else step[~dead].min(), step)
    spread = np.repeat(dead, block, axis=1)[:, : integers.shape[1]]
    integers = np.where(spread, 0, integers)
    offset = None
    if tensor.offset is not None:
        offset = _per_block(match, tensor.spread(tensor.offset), block) * match.factor[:, None]
        # In each channel by itself: what a negative factor turned about lies below 0.
        least, most = (each(axis=1, keepdims=True) for each in (integers.min, integers.max))
        middle = (least + most + 1) // 2
        integers = integers - middle
        offset = (offset + middle * step.astype(np.float64)).astype(np.float32)
    if integers.min() < -128 or integers.max() > 127:
        raise NoIntegerForm("its integers do not fit 8 bits")
    return IntegerWeight(match.path, tensor.spec, integers.astype(np.int16), step, offset, block)


def _integers(tensor: QuantizedTensor) -> tuple[np.ndarray, np.ndarray]:
    """Integers and what they are multiplied by, both in the weight's shape."""
    codes = tensor.codes.astype(np.int16)
    if tensor.points is not None:
        if tensor.spec.get("grid") not in LARGEST_INTEGER:
            raise NoIntegerForm("its points are floats, trained on no grid of integers")
        points = np.rint(tensor.points_of_codes()).astype(np.int16)
        return points, tensor.spread(tensor.scale)
    if tensor.offset is None:
        zero = zero_code(tensor.levels)
        step = tensor.spread(tensor.scale / np.float32(zero))
        if zero == 0.5:  # two levels, -1 and 1 in units of half a step
            return 2 * codes - 1, step / 2
        return codes - np.int16(zero), step
    step = tensor.spread(tensor.scale / np.float32(tensor.levels - 1))
    return codes, step


def _block(match: Match) -> int:
    """Inputs of a block: a bucket's, or all where one bucket is a channel or more."""
    inputs = math.prod(match.shape) // match.shape[match.axis]
    bucketing = match.tensor.bucketing
    if bucketing.layout == "flat" and bucketing.count > 1:
        raise NoIntegerForm(
            "its buckets span output channels (layout 'flat'); kernels take layout 'channel'"
        )
    return min(bucketing.width, inputs)


def _per_block(match: Match, spread: np.ndarray, block: int) -> np.ndarray:
    """The value of each block: float32 [O, B]."""
    rows = match.laid_out(spread)
    firsts = rows[:, ::block]
    if not np.array_equal(np.repeat(firsts, block, axis=1)[:, : rows.shape[1]], rows):
        raise NoIntegerForm("its buckets are no runs of the weights that an output sums over")
    return firsts
