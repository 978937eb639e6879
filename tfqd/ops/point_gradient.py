"""The gradients of points, Eq. 6 of arXiv 1802.05668, and of scales that are not ranges."""

import tensorflow as tf

from tfqd.ops.buckets import bucket_axis, per_bucket, to_buckets
from tfqd.ops.scaling import Range
from tfqd.spec.bucketing import Bucketing

_RUN_LENGTH = 4096


def point_gradient(
    upstream: tf.Tensor,
    codes: tf.Tensor,
    buckets: Range,
    bucketing: Bucketing,
    levels: int,
    channels_per_codebook: int | None = None,
) -> tf.Tensor:
    """The gradient to ascending points.

    Args:
        upstream: float32, shape `bucketing.shape`.
        codes: int32, a cut tensor.
        buckets: the buckets' scales.
        bucketing: where the buckets lie.
        levels: number of points k.
        channels_per_codebook: see `tfqd.ops.codebook`.

    Returns:
        float32 [k], or [codebooks, k].
    """
    cut = to_buckets(upstream, bucketing, fill="zero")
    if bucketing.layout == "tile":
        return _sums_in_runs(cut * buckets.scale, codes, bucketing.length, levels)
    if channels_per_codebook is not None:
        sums = _sums_by_channel(cut * buckets.scale, codes, bucketing, levels)
        return _sum_groups(sums, channels_per_codebook)
    if bucketing.count == 1:
        return _sum_by_code(cut, codes, levels) * tf.reshape(buckets.scale, [])
    if bucketing.channels_last or not levels <= bucketing.length <= _RUN_LENGTH:
        return _sum_by_code(cut * buckets.scale, codes, levels)
    # Alpha is the bucket's, so it may wait for the bucket's sums, which are fewer.
    sums = _sums_in_runs(cut, codes, bucketing.length, levels)
    return tf.reduce_sum(sums * tf.reshape(buckets.scale, [-1, 1]), axis=0)


def scale_gradient(
    upstream: tf.Tensor,
    cut: tf.Tensor,
    point: tf.Tensor,
    ends: tuple[tf.Tensor, tf.Tensor],
    buckets: Range,
    bucketing: Bucketing,
    frozen: tf.Tensor | None = None,
) -> tf.Tensor:
    """LSQ's gradient of the scales (arXiv 1902.08153), for points in any places.

    Args:
        upstream: float32, shape `bucketing.shape`.
        cut: the weights, a cut tensor.
        point: the point of each weight, likewise.
        ends: the lowest and the highest point of each weight's codebook, or what
            broadcasts against the cut tensor.
        buckets: the buckets' scales.
        bucketing: where the buckets lie.
        frozen: codes that are given, which leave a weight no place of its own; see
            `tfqd.ops.frozen`.

    Returns:
        float32 [bucketing.count].
    """
    scaled = cut * tf.math.reciprocal_no_nan(buckets.scale)
    lowest, highest = ends
    inside = (scaled >= lowest) & (scaled <= highest)
    if frozen is not None:
        inside &= to_buckets(frozen, bucketing) < 0
    slope = to_buckets(upstream, bucketing, fill="zero") * (point - tf.where(inside, scaled, 0.0))
    return per_bucket(tf.reduce_sum(slope, bucket_axis(bucketing), keepdims=True), bucketing)


def _sums_by_channel(values, codes, bucketing: Bucketing, levels: int) -> tf.Tensor:
    """The sums of each output channel: float32 [rows, levels]."""
    if bucketing.channels_last:
        values, codes = (tf.transpose(each, [2, 0, 1]) for each in (values, codes))
    length = bucketing.buckets_per_row * bucketing.length
    return _sums_in_runs(values, codes, length, levels)


def _sum_groups(sums: tf.Tensor, size: int) -> tf.Tensor:
    """[rows, levels] -> [groups, levels], summed over groups of `size` rows, the last shorter."""
    rows, levels = sums.shape
    padded = tf.pad(sums, [[0, -rows % size], [0, 0]])
    return tf.reduce_sum(tf.reshape(padded, [-1, size, levels]), axis=1)


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
