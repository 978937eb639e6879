"""Assigning weights to the nearest of k sorted points in the scaled domain.

Scaled weight v belongs to point j when j midpoints, or borders that are given, lie below it.
Four executions of that one rule, equal bit for bit since each operation of theirs is
rounded by itself, compared or selected (`_rounded` sees to it where a compiler would
round a product and a sum together):

* eagerly, with one codebook, one ``tf.searchsorted``, which needs the least
  memory;
* else a binary search of log2 k steps over the whole tensor, which XLA can fuse
  whatever k is (its own searchsorted compares with all k at once);
* in a training graph, for a large tensor, the same search compiled by XLA into
  one loop: 10 to 30 times faster than an operation a step;
* there, with one codebook of up to 16 points, a comparison with each midpoint:
  it looks nothing up, so that XLA's loop works on several weights at once.
"""

import numpy as np
import tensorflow as tf

from tfqd.ops.scaling import Range, scale_down, scale_up

FUSE_FROM = 2**16
_COMPARE_UP_TO = 16


def nearest(
    buckets: tf.Tensor,
    bucket_range: Range,
    points: tf.Tensor,
    training: bool = False,
    codebooks: tf.Tensor | None = None,
    border: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The nearest points and their codes.

    Args:
        buckets: float32 weights, a cut tensor of static shape.
        bucket_range: the buckets' scales and offsets.
        points: float32 [k] or [codebooks, k], ascending, k at least 2. Halfway
            between two points the lower one wins.
        training: whether to compile the search of a large tensor; left off in
            inference, so that exported graphs hold standard operations only.
        codebooks: int32, the codebook of each weight, or what broadcasts
            against `buckets`; None where there is but one.
        border: float32 [k - 1], ascending, each between two points: where codes change.
            None for half way.

    Returns:
        float32 points, scaled up, and int32 codes, both of `buckets`' shape.
    """
    border = (points[..., :-1] + points[..., 1:]) / 2.0 if border is None else border
    if codebooks is None and tf.executing_eagerly():
        scaled = tf.reshape(scale_down(buckets, bucket_range), [-1])
        codes = tf.searchsorted(border, scaled, side="left")
        codes = tf.reshape(codes, buckets.shape)
        return scale_up(tf.gather(points, codes), bucket_range), codes
    if training and buckets.shape.num_elements() >= FUSE_FROM:
        if codebooks is None and points.shape[0] <= _COMPARE_UP_TO:
            return _fused_comparison(buckets, bucket_range, points, border, _least())
        return _fused_search(buckets, bucket_range, points, border, codebooks, _least())
    values, codes = _search(buckets, bucket_range, points, border, codebooks)
    return scale_up(values, bucket_range), codes


def _search(buckets, bucket_range, points, border, codebooks) -> tuple[tf.Tensor, tf.Tensor]:
    scaled = scale_down(buckets, bucket_range)
    levels = points.shape[-1]
    half = 2 ** ((levels - 1).bit_length() - 1)
    filling = [[0, 0], [0, 2 * half - levels]]
    border = tf.reshape(border, [-1, levels - 1])
    border = tf.reshape(tf.pad(border, filling, constant_values=np.float32(np.inf)), [-1])
    points = tf.reshape(points, [-1])
    book = 0 if codebooks is None else codebooks
    start = book * (2 * half - 1)
    codes = half * tf.cast(scaled > tf.gather(border, start + (half - 1)), tf.int32)
    while half > 1:
        half //= 2
        above = scaled > tf.gather(border, codes + (start + (half - 1)))
        codes += half * tf.cast(above, tf.int32)
    return tf.gather(points, codes + book * levels), codes


def _comparison(buckets, bucket_range, points, border) -> tuple[tf.Tensor, tf.Tensor]:
    scaled = scale_down(buckets, bucket_range)
    values, codes = tf.fill(scaled.shape, points[0]), tf.zeros(scaled.shape, tf.int32)
    for below, point in zip(tf.unstack(border), tf.unstack(points)[1:], strict=True):
        above = scaled > below
        values = tf.where(above, point, values)
        codes += tf.cast(above, tf.int32)
    return values, codes


@tf.function(jit_compile=True, autograph=False)
def _fused_search(buckets, bucket_range, points, border, codebooks, least):
    values, codes = _search(buckets, bucket_range, points, border, codebooks)
    return scale_up(values, bucket_range, _rounded(least)), codes


@tf.function(jit_compile=True, autograph=False)
def _fused_comparison(buckets, bucket_range, points, border, least):
    values, codes = _comparison(buckets, bucket_range, points, border)
    return scale_up(values, bucket_range, _rounded(least)), codes


def _least() -> tf.Tensor:
    """Minus infinity, as a value that a compiled function does not know beforehand."""
    return tf.constant(-np.inf, tf.float32)


def _rounded(least: tf.Tensor):
    """Keeps a product as it is, rounded, where it would become part of a fused multiply-add."""
    return lambda product: tf.maximum(product, least)
