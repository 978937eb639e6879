"""Codes chosen with their length in view: entropy-constrained quantization.

Of the levels c of a grid in units of its step, weight x belongs to the one that makes
(x - c)^2 + rate_weight length(c) smallest (Chou, Lookabaugh and Gray 1989), with
length(c) = -log2 frequency(c). Between the neighbours c and c + 1 that is decided by a
border, which lies not half way but at

    c + 1/2 + rate_weight (length(c + 1) - length(c)) / 2.

Borders are kept strictly between their levels, so that a weight that lies on a level
has that level's code, whatever the frequencies are: what was quantized stays as it is.
"""

import numpy as np
import tensorflow as tf

from tfqd.ops.buckets import bucket_sizes
from tfqd.spec.bucketing import Bucketing

# How near a border may come to a level, in steps.
_MARGIN = 0.01
# The least step that a logarithm is taken of: short types of scales may leave steps of 0.
_SMALLEST = 1e-30


def borders(frequency: tf.Tensor, size: int | tf.Tensor, rate_weight: tf.Tensor) -> tf.Tensor:
    """Where the border above each level but the last one lies, from that level on.

    Args:
        frequency: float32 [levels], the share of the weights that have each code.
        size: number of weights, by half of one of which each code's count is raised.
        rate_weight: float32 [] or [levels - 1], what a bit of length counts, in squared steps.

    Returns:
        float32 [levels - 1], above 0 and below 1.
    """
    # All lengths are too short by the same number of bits.
    length = -_log2(frequency * size + 0.5)
    shift = rate_weight * (length[1:] - length[:-1]) * 0.5
    return tf.clip_by_value(0.5 + shift, _MARGIN, 1 - _MARGIN)


def point_borders(
    points: tf.Tensor, frequency: tf.Tensor, size: int | tf.Tensor, rate_weight: float
) -> tf.Tensor:
    """Where codes change among points that are no grid.

    Args:
        points: float32 [levels], ascending, in units of a step.
        frequency, size, rate_weight: as in `borders`.

    Returns:
        float32 [levels - 1], each between its two points, in units of the step.
    """
    gap = points[1:] - points[:-1]
    # In squares of a gap what a bit counts is the more, the closer the points are.
    weight = tf.math.divide_no_nan(rate_weight, tf.square(gap))
    return points[:-1] + gap * borders(frequency, size, weight)


def round_between(position: tf.Tensor, border: tf.Tensor | None, levels: int) -> tf.Tensor:
    """The codes of positions on a grid: float32, of their shape; NaN of NaN.

    Args:
        position: float32, in codes that are not rounded.
        border: from `borders`; None for the nearest level, ties to the even one.
        levels: number of levels.
    """
    last = float(levels - 1)
    clipped = tf.clip_by_value(position, 0.0, last)
    if border is None:
        return tf.round(clipped)
    lower = tf.minimum(tf.floor(clipped), last - 1)
    place = tf.maximum(tf.cast(lower, tf.int32), 0)  # The integer of NaN may be the smallest.
    above = clipped - lower > tf.gather(border, place)
    return lower + tf.cast(above, tf.float32)


def shares(codes: tf.Tensor, levels: int) -> tf.Tensor:
    """The share of the weights that have each code: float32 [levels].

    Args:
        codes: integers of any shape.
        levels: number of levels.
    """
    codes = tf.cast(tf.reshape(codes, [-1]), tf.int32)
    # As float32 a count would stay at 2^24.
    counts = tf.math.bincount(codes, minlength=levels, maxlength=levels, dtype=tf.int32)
    counts = tf.ensure_shape(counts, [levels])  # Which a graph does not know.
    return tf.cast(counts, tf.float32) / tf.cast(tf.size(codes), tf.float32)


def bits_spared_by_steps(step: tf.Tensor, bucketing: Bucketing) -> tf.Tensor:
    """Bits that steps spare at many levels, beside steps of 1: float32 [], differentiable.

    A step twice as long spares each weight of its bucket one bit; one of 0 has no gradient.

    Args:
        step: float32 [bucketing.count], whose sign counts for nothing.
        bucketing: where the buckets lie.
    """
    sizes = bucket_sizes(bucketing).astype(np.float32)
    return tf.reduce_sum(sizes * _log2(tf.abs(step)))


def bits_spared_by_points(points: tf.Tensor, frequency: tf.Tensor, size: int) -> tf.Tensor:
    """Bits that points, in units of the steps, spare beside the integers: float32 [].

    Where a code's neighbours are twice as far away, each of its weights takes one bit less.
    With `bits_spared_by_steps` it is the same for steps twice as long and points half as large.

    Args:
        points: float32 [levels], ascending.
        frequency: float32 [levels], the share of the weights that have each code.
        size: number of weights.
    """
    gap = points[1:] - points[:-1]
    around = (tf.concat([gap[:1], gap], 0) + tf.concat([gap, gap[-1:]], 0)) / 2
    return float(size) * tf.reduce_sum(frequency * _log2(around))


def entropy(frequency: tf.Tensor) -> tf.Tensor:
    """Bits a code that no code of these frequencies can undercut: float32 []."""
    return -tf.reduce_sum(tf.math.xlogy(frequency, frequency)) / np.log(2.0).astype(np.float32)


def _log2(x: tf.Tensor) -> tf.Tensor:
    # A product, since graphs make one of a quotient by a constant, one bit off.
    return tf.math.log(tf.maximum(x, _SMALLEST)) * np.float32(1 / np.log(2.0))
