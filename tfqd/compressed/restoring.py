"""Float weights that a quantizer maps to given codes: training goes on from them.

Quantizing a tensor's dequantized values again is not idempotent: the points of
a codebook need not reach the ends of a bucket, so its minimum and maximum move.
Here one weight of each bucket is put at the bucket's lower end and one at its
upper end, where the original extremes were, and the others at their levels; the
ranges, and with them the codes, come out the same.

That holds of every tensor that a quantizer has made, as long as its scales were not
rounded: it was searched for others in 18 million random buckets. What cannot be restored,
and is refused when it is loaded to train on:

* scales on bfloat16's grid (`tfqd.Uniform(scale_grid="bfloat16")`) that `scale_dtype` has
  rounded. What is stored is the range of a bucket, its step times a number of steps;
  rounded to bfloat16 or float16 it is no multiple of a step on the grid.
* codebooks with symmetric scaling of which 1 or -1 is midway between two points, when
  `scale_dtype` has rounded their scales. The product of a scale with its reciprocal is 1, or
  a rounding off 1; that decides for one of the points, for the rounded scale otherwise.

Weights whose codes are frozen (`freeze_above`) may lie at an end and have another code;
they are frozen again where they are loaded (`tfqd.wrapping.tensors`).
"""

import dataclasses

import numpy as np

from tfqd.compressed.cutting import cut, uncut
from tfqd.compressed.tensor import QuantizedTensor
from tfqd.spec.grid import LARGEST_POINT

# Where the largest weight of a bucket may lie in the scaled domain. A product with the
# scale's reciprocal need not be 1 exactly, which counts where 1 is midway between points.
_ROUNDING = 2.0**-22
_ENDS = (
    *((end, end) for end in (1.0, -1.0)),
    *((end, end * (1 + sign * _ROUNDING)) for end in (1.0, -1.0) for sign in (1, -1)),
)


def restore_weights(tensor: QuantizedTensor) -> np.ndarray:
    """Weights whose quantization by the tensor's spec and points is the tensor.

    Returns:
        float32, shape `tensor.shape`. The scales and offsets of its buckets are
        the tensor's bit for bit, and its codes decode to the same values to
        float32 rounding.
    """
    tensor = _in_scaled_domain(tensor)
    bucketing = tensor.bucketing
    values = cut(tensor.dequantize(), bucketing, 0.0)
    if tensor.offset is None:
        values = np.clip(values, -tensor.scale[:, None], tensor.scale[:, None])
        _put_one_at_an_end(values, tensor)
    else:
        top = _upper_end(tensor.offset, tensor.scale)
        values = np.clip(values, tensor.offset[:, None], top[:, None])
        _put_two_at_the_ends(values, tensor, top)
    return uncut(values, bucketing)


def _put_one_at_an_end(values: np.ndarray, tensor: QuantizedTensor) -> None:
    """Symmetric scaling: the largest absolute value of each bucket is its scale again.

    The weight that had it is at the level of +1 or of -1. Which weights are is told by
    the levels' values, as several codes may stand for one value. Where none is there, as
    its code was frozen, it is the weight that is nearest to an end.
    """
    levels = cut(_levels_of(tensor), tensor.bucketing, np.nan)
    missing = np.ones(tensor.bucketing.count, bool)
    for end, scaled in _ENDS:
        there = levels == _levels_of_an_end(tensor, scaled)[:, None]
        buckets = np.flatnonzero(missing & there.any(axis=1))
        values[buckets, np.argmax(there[buckets], axis=1)] = end * tensor.scale[buckets]
        missing[buckets] = False
    buckets = np.flatnonzero(missing)
    nearest = np.argmax(np.abs(values[buckets]), axis=1)
    values[buckets, nearest] = np.copysign(tensor.scale[buckets], values[buckets, nearest])


def _put_two_at_the_ends(values: np.ndarray, tensor: QuantizedTensor, top: np.ndarray) -> None:
    """Affine scaling: the minimum and the maximum of each bucket are its ends again."""
    lowest = np.argmin(cut(tensor.codes, tensor.bucketing, np.inf), axis=1)
    codes_or_padding = cut(tensor.codes, tensor.bucketing, -1.0)
    # The last of the largest, so that it differs from the first of the smallest
    # where all codes of a bucket are equal.
    highest = codes_or_padding.shape[1] - 1 - np.argmax(codes_or_padding[:, ::-1], axis=1)
    buckets = np.arange(tensor.bucketing.count)
    values[buckets, highest] = top
    values[buckets, lowest] = tensor.offset


def _in_scaled_domain(tensor: QuantizedTensor) -> QuantizedTensor:
    """The same weights, nearly, with points on no grid and alpha for a scale."""
    largest = LARGEST_POINT.get(tensor.spec.get("grid", ""))
    if largest is None or tensor.points is None:
        return tensor
    steps = np.float32(largest)
    scale = tensor.scale * steps
    for neighbour in (np.nextafter(scale, np.inf), np.nextafter(scale, -np.inf)):
        better = (scale / steps != tensor.scale) & (neighbour / steps == tensor.scale)
        scale = np.where(better, neighbour, scale)
    return dataclasses.replace(tensor, points=tensor.points / steps, scale=scale.astype(np.float32))


def _upper_end(offset: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The float32 m for which m - offset rounds to scale, as the maximum's did."""
    top = offset + scale
    for neighbour in (np.nextafter(top, np.inf), np.nextafter(top, -np.inf)):
        top = np.where((top - offset != scale) & (neighbour - offset == scale), neighbour, top)
    return top.astype(np.float32)


def _levels_of(tensor: QuantizedTensor) -> np.ndarray:
    """The level of each weight: its point, on a uniform grid its code."""
    return tensor.codes if tensor.points is None else tensor.points_of_codes()


def _levels_of_an_end(tensor: QuantizedTensor, end: float) -> np.ndarray:
    """The level that a scaled weight of `end`, near 1 or -1, has in each bucket."""
    bucketing = tensor.bucketing
    if tensor.points is None:
        return np.full(bucketing.count, tensor.levels - 1 if end > 0 else 0)
    points = np.atleast_2d(tensor.points)
    codes = ((points[:, :-1] + points[:, 1:]) / 2 < end).sum(axis=1)
    levels = np.take_along_axis(points, codes[:, None], axis=1)[:, 0]
    codebooks = bucketing.codebooks(tensor.channels_per_codebook)
    return np.repeat(levels, bucketing.count) if codebooks is None else levels[codebooks]
