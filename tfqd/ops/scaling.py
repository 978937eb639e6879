"""Linear scaling: the range of each bucket (section 2 of arXiv 1802.05668).

Affine: scale alpha = max - min, offset beta = min, scaled domain [0, 1].
Symmetric: scale alpha = max |w|, no offset, scaled domain [-1, 1].

A bucket whose scale falls below `SMALLEST_SCALE` is constant: its scale
becomes 0, so that every code decodes to the offset and the bucket keeps its
value whatever the points are.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfqd.ops.buckets import bucket_axis, over_buckets, to_buckets
from tfqd.spec.bucketing import Bucketing

SMALLEST_SCALE = 1e-10


class Range(NamedTuple):
    """The linear scaling of a tensor's buckets.

    scale: alpha of each bucket, 0 for a constant bucket.
    offset: beta of each bucket; None with symmetric scaling.
    """

    scale: tf.Tensor
    offset: tf.Tensor | None


def bucket_range(buckets: tf.Tensor, axis: int, scaling: str) -> Range:
    """The range of each bucket.

    Args:
        buckets: a cut tensor, floating point.
        axis: the axis along which one bucket lies; kept with length 1.
        scaling: ``"affine"`` or ``"symmetric"``.
    """
    low = tf.reduce_min(buckets, axis, keepdims=True)
    high = tf.reduce_max(buckets, axis, keepdims=True)
    if scaling == "symmetric":
        return Range(_zero_if_constant(tf.maximum(high, -low)), None)
    return Range(_zero_if_constant(high - low), low)


def scaled_buckets(
    weights: tf.Tensor,
    bucketing: Bucketing,
    scaling: str,
    scale: tf.Tensor | None = None,
    steps: int = 1,
) -> tuple[tf.Tensor, Range]:
    """The cut tensor, and its buckets' range in steps or the scale that is given.

    Args:
        weights: floating point, shape `bucketing.shape`.
        bucketing: where the buckets lie.
        scaling: ``"affine"`` or ``"symmetric"``.
        scale: float32 [bucketing.count], alpha of each bucket; None for its range.
        steps: what a range is divided by.
    """
    cut = to_buckets(weights, bucketing)
    if scale is not None:
        return cut, Range(over_buckets(scale, bucketing), None)
    buckets = bucket_range(cut, bucket_axis(bucketing), scaling)
    if steps == 1:
        return cut, buckets
    return cut, buckets._replace(scale=tf.math.divide_no_nan(buckets.scale, float(steps)))


def scale_down(buckets: tf.Tensor, bucket_range: Range) -> tf.Tensor:
    """sc(w) = (w - beta) / alpha; 0 throughout a constant bucket."""
    shifted = buckets if bucket_range.offset is None else buckets - bucket_range.offset
    return shifted * tf.math.reciprocal_no_nan(bucket_range.scale)


def scale_up(
    scaled: tf.Tensor,
    bucket_range: Range,
    rounded: Callable[[tf.Tensor], tf.Tensor] = lambda product: product,
) -> tf.Tensor:
    """sc^-1(v) = alpha v + beta.

    Args:
        scaled: v, a cut tensor.
        bucket_range: alpha and beta.
        rounded: what becomes of the product before the sum.
    """
    stretched = rounded(scaled * bucket_range.scale)
    return stretched if bucket_range.offset is None else stretched + bucket_range.offset


def _zero_if_constant(scale: tf.Tensor) -> tf.Tensor:
    return tf.where(scale < SMALLEST_SCALE, tf.zeros_like(scale), scale)
