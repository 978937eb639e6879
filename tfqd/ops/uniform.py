"""Uniform quantization with a straight-through gradient.

Equation of section 2.1 of arXiv 1802.05668, with the bucket's linear scaling
sc(w) = (w - beta) / alpha folded in: with n = levels - 1 intervals,

    code = round(n sc(w)),    Q(w) = beta + code * (alpha / n).

With symmetric scaling the grid runs from -alpha to alpha and is written about
its middle; see `tfqd.ops.uniform_grid`.
"""

import numpy as np
import tensorflow as tf

from tfqd.ops import rounding, uniform_grid
from tfqd.ops.buckets import bucket_axis, from_buckets, per_bucket, to_buckets
from tfqd.ops.codes import Codes
from tfqd.ops.frozen import with_frozen
from tfqd.ops.scaling import Range, bucket_range
from tfqd.ops.straight_through import clip_weights, straight_through
from tfqd.spec.bucketing import Bucketing


def uniform(
    weights: tf.Tensor,
    bucketing: Bucketing,
    levels: int,
    scaling: str = "affine",
    clip: float | None = None,
    seed: tf.Tensor | None = None,
    short_steps: bool = False,
    frozen: tf.Tensor | None = None,
) -> tf.Tensor:
    """The quantized weights, with the straight-through gradient.

    Args:
        weights: float32, shape `bucketing.shape`.
        bucketing: where the buckets lie.
        levels: number of grid points, at least 2.
        scaling: ``"affine"`` or ``"symmetric"``.
        clip: None for the identity gradient (the paper's); a number c clips
            the weights to [-c, c] and stops the gradient outside.
        seed: None rounds to the nearest level; int32 [2] rounds stochastically
            with the noise of that seed.
        short_steps: whether steps are rounded to bfloat16; with symmetric scaling.
        frozen: codes that are given; see `tfqd.ops.frozen`.

    Returns:
        float32, shape `bucketing.shape`, at most `levels` values a bucket.
    """

    def quantize(weights):
        clipped = clip_weights(weights, clip)
        codes, buckets = _codes(clipped, bucketing, levels, scaling, seed, short_steps)
        codes = with_frozen(codes, frozen, bucketing)
        return from_buckets(uniform_grid.decode(codes, buckets, levels), bucketing)

    return straight_through(quantize, weights, clip, frozen)


def uniform_codes(
    weights: tf.Tensor,
    bucketing: Bucketing,
    levels: int,
    scaling: str = "affine",
    clip: float | None = None,
    short_steps: bool = False,
    frozen: tf.Tensor | None = None,
) -> Codes:
    """Codes, scales and offsets of the weights, rounded to the nearest level.

    Decoding them by the module's equations gives `uniform`'s result bit for
    bit. The arguments are those of `uniform`.
    """
    clipped = clip_weights(weights, clip)
    codes, buckets = _codes(clipped, bucketing, levels, scaling, None, short_steps)
    codes = with_frozen(codes, frozen, bucketing)
    return Codes(
        tf.cast(from_buckets(codes, bucketing), tf.uint8),
        per_bucket(buckets.scale, bucketing),
        None if buckets.offset is None else per_bucket(buckets.offset, bucketing),
    )


def _codes(weights, bucketing, levels, scaling, seed, short_steps) -> tuple[tf.Tensor, Range]:
    """Float codes in the cut tensor's shape, and the buckets' range."""
    cut = to_buckets(weights, bucketing)
    buckets = bucket_range(cut, bucket_axis(bucketing), scaling)
    if short_steps:
        buckets = uniform_grid.with_short_steps(buckets, levels)
    position = uniform_grid.position(cut, buckets, levels)
    if seed is None:
        return tf.round(position), buckets
    intervals = float(levels - 1)
    codes = rounding.stochastic(position, seed, _float_error(buckets, intervals))
    return tf.clip_by_value(codes, 0.0, intervals), buckets


def _float_error(buckets: Range, intervals: float) -> tf.Tensor:
    """How far float32 may place a weight that lies on the grid beside it, in steps.

    Eight roundings relative to alpha and two relative to the largest |w|, from
    decoding a code to computing its position again.
    """
    largest = buckets.scale if buckets.offset is None else buckets.scale + abs(buckets.offset)
    epsilon = float(np.finfo(np.float32).eps)
    return epsilon * intervals * (4.0 + tf.math.divide_no_nan(largest, buckets.scale))
