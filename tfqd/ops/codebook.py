"""Nearest-point quantization with an exact gradient to the points.

Section 4 of arXiv 1802.05668. Each scaled weight goes to the nearest of k
points; with alpha_i the scale of weight i's bucket, Eq. 6 gives

    dQ(w)_i / dp_j = alpha_i if weight i is assigned to point j, else 0,

so the gradient of p_j is the sum of alpha_i times the upstream gradient over
the weights assigned to it. Assignment is a search among the k - 1 midpoints of
the sorted points (`tfqd.ops.nearest`) and the gradient a segment sum over
codes: memory grows with the number of weights N alone, no N x k matrix exists.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfqd.bucketing import Bucketing
from tfqd.ops.buckets import bucket_axis, from_buckets, per_bucket, to_buckets
from tfqd.ops.nearest import nearest
from tfqd.ops.scaling import Range, bucket_range, scale_down, scale_up
from tfqd.ops.straight_through import clip_weights, pass_gradient

_RUN_LENGTH = 4096


class CodebookCodes(NamedTuple):
    """What is stored of a tensor quantized to a codebook.

    codes: uint8, the tensor's shape; index into `points`.
    scale: float32 [buckets], alpha.
    offset: float32 [buckets], beta; None with symmetric scaling.
    points: float32 [k], ascending.
    """

    codes: tf.Tensor
    scale: tf.Tensor
    offset: tf.Tensor | None
    points: tf.Tensor


def codebook(
    weights: tf.Tensor,
    points: tf.Tensor,
    bucketing: Bucketing,
    scaling: str = "affine",
    clip: float | None = None,
    training: bool = False,
) -> tf.Tensor:
    """The weights moved to their nearest points, with both gradients.

    Args:
        weights: float32, shape `bucketing.shape`.
        points: float32 [k], 2 <= k <= 256, in the scaled domain, in any order.
        bucketing: where the buckets lie.
        scaling: ``"affine"`` or ``"symmetric"``.
        clip: see `tfqd.ops.uniform`.
        training: whether this is a training step; see `tfqd.ops.nearest`.

    Returns:
        float32, shape `bucketing.shape`. Its gradient is Eq. 6 to the points
        and straight-through to the weights.
    """

    @tf.custom_gradient
    def quantized(weights, points):
        ascending, order = _ascending(points)
        clipped = clip_weights(weights, clip)
        values, codes, buckets = _assign(clipped, ascending, bucketing, scaling, training)

        def gradient(upstream):
            sums = _point_gradient(upstream, codes, buckets, bucketing, points.shape[0])
            to_points = tf.gather(sums, tf.math.invert_permutation(order))
            return pass_gradient(weights, upstream, clip), to_points

        return from_buckets(scale_up(values, buckets), bucketing), gradient

    return quantized(weights, points)


def codebook_codes(
    weights: tf.Tensor,
    points: tf.Tensor,
    bucketing: Bucketing,
    scaling: str = "affine",
    clip: float | None = None,
) -> CodebookCodes:
    """Codes, scales, offsets and sorted points of the weights.

    ``points[code] * scale + offset`` gives `codebook`'s result bit for bit. The
    arguments are those of `codebook`.
    """
    ascending, _ = _ascending(points)
    _, codes, buckets = _assign(clip_weights(weights, clip), ascending, bucketing, scaling)
    return CodebookCodes(
        tf.cast(from_buckets(codes, bucketing), tf.uint8),
        per_bucket(buckets.scale, bucketing),
        None if buckets.offset is None else per_bucket(buckets.offset, bucketing),
        ascending,
    )


def uniform_points(levels: int, scaling: str = "affine") -> np.ndarray:
    """`levels` evenly spaced points over the scaled domain: float32 [levels]."""
    low = -1.0 if scaling == "symmetric" else 0.0
    return np.linspace(low, 1.0, levels, dtype=np.float32)


def quantile_points(
    weights: tf.Tensor,
    levels: int,
    bucketing: Bucketing,
    scaling: str = "affine",
    clip: float | None = None,
) -> np.ndarray:
    """Points at the quantiles 0, 1/(levels-1), ..., 1 of the scaled weights.

    Args:
        weights: float32, shape `bucketing.shape`, finite.
        levels: number of points, at least 2.
        bucketing: where the buckets lie.
        scaling: ``"affine"`` or ``"symmetric"``.
        clip: as given to `codebook`, which scales the clipped weights.

    Returns:
        float32 [levels], ascending; the first is the smallest scaled weight
        and the last the largest (0 and 1 with affine scaling).
    """
    cut = to_buckets(clip_weights(weights, clip), bucketing)
    buckets = bucket_range(cut, bucket_axis(bucketing), scaling)
    scaled = from_buckets(scale_down(cut, buckets), bucketing)
    return np.quantile(scaled.numpy(), np.linspace(0.0, 1.0, levels)).astype(np.float32)


def _ascending(points) -> tuple[tf.Tensor, tf.Tensor]:
    order = tf.argsort(points)
    return tf.gather(points, order), order


def _assign(
    weights, ascending, bucketing, scaling, training=False
) -> tuple[tf.Tensor, tf.Tensor, Range]:
    """Points and int32 codes in the cut tensor's shape, and the buckets' range."""
    cut = to_buckets(weights, bucketing)
    buckets = bucket_range(cut, bucket_axis(bucketing), scaling)
    return *nearest(cut, buckets, ascending, training), buckets


def _point_gradient(upstream, codes, buckets: Range, bucketing, levels: int) -> tf.Tensor:
    """Eq. 6: the sum over each code of alpha times the upstream gradient."""
    cut = to_buckets(upstream, bucketing, fill="zero")
    if bucketing.channels_last or not levels <= bucketing.length <= _RUN_LENGTH:
        return _sum_by_code(cut * buckets.scale, codes, levels)
    # Alpha is the bucket's, so it may wait for the bucket's sums, which are fewer.
    sums = _sums_in_runs(cut, codes, bucketing.length, levels)
    return tf.reduce_sum(sums * tf.reshape(buckets.scale, [-1, 1]), axis=0)


def _sum_by_code(values: tf.Tensor, codes: tf.Tensor, levels: int) -> tf.Tensor:
    """The sum of the values of each code: float32 [levels].

    Summed in runs first: less is rounded than in one long sum.
    """
    values, codes = tf.reshape(values, [-1]), tf.reshape(codes, [-1])
    size = values.shape[0]
    whole = size - size % _RUN_LENGTH
    sums = []
    for part, length in ((slice(0, whole), _RUN_LENGTH), (slice(whole, size), size - whole)):
        if part.start < part.stop:
            runs = _sums_in_runs(values[part], codes[part], length, levels)
            sums.append(tf.reduce_sum(runs, axis=0))
    return tf.add_n(sums)


def _sums_in_runs(values, codes, length: int, levels: int) -> tf.Tensor:
    """The sums of each run of `length` values: float32 [runs, levels].

    One thread sums a run, so that the order is the same each time.
    """
    return tf.raw_ops.DenseBincount(
        input=tf.reshape(codes, [-1, length]),
        size=levels,
        weights=tf.reshape(values, [-1, length]),
        binary_output=False,
    )
