"""Nearest-point quantization with an exact gradient to the points.

Section 4 of arXiv 1802.05668. Each scaled weight goes to the nearest of k
points; with alpha_i the scale of weight i's bucket, Eq. 6 gives

    dQ(w)_i / dp_j = alpha_i if weight i is assigned to point j, else 0,

so the gradient of p_j is the sum of alpha_i times the upstream gradient over
the weights assigned to it. Assignment is a search among the k - 1 midpoints of
the sorted points (`tfqd.ops.nearest`) and the gradient a segment sum over
codes (`tfqd.ops.point_gradient`): memory grows with the number of weights N
alone, no N x k matrix exists.

The points are one codebook for the tensor, as in the paper, in layout
``channel`` one for every so many output channels, or in layout ``tile`` one a tile.
"""

import tensorflow as tf

from tfqd.ops.buckets import from_buckets, over_buckets, per_bucket
from tfqd.ops.codes import Codes
from tfqd.ops.frozen import to_free, with_frozen
from tfqd.ops.nearest import nearest
from tfqd.ops.point_gradient import point_gradient, scale_gradient
from tfqd.ops.scaling import scale_up, scaled_buckets
from tfqd.ops.straight_through import clip_weights, pass_gradient
from tfqd.spec.bucketing import Bucketing


def codebook(
    weights: tf.Tensor,
    points: tf.Tensor,
    bucketing: Bucketing,
    scaling: str = "affine",
    clip: float | None = None,
    training: bool = False,
    *,
    channels_per_codebook: int | None = None,
    steps: int = 1,
    frozen: tf.Tensor | None = None,
    scale: tf.Tensor | None = None,
    border: tf.Tensor | None = None,
) -> tf.Tensor:
    """The weights moved to their nearest points, with both gradients.

    Args:
        weights: float32, shape `bucketing.shape`.
        points: float32 [k], 2 <= k <= 256, in any order, in units of alpha over
            `steps`; or [codebooks, k], one codebook a row.
        bucketing: where the buckets lie.
        scaling: ``"affine"`` or ``"symmetric"``.
        clip: see `tfqd.ops.uniform`.
        training: whether this is a training step; see `tfqd.ops.nearest`.
        channels_per_codebook: output channels that share a codebook, in layout
            ``channel``; None for one codebook for the tensor, in layout ``tile`` for one
            a tile.
        steps: 1 for points in the scaled domain; the largest number of a grid
            for points that lie on it.
        frozen: codes, among the points in ascending order, that are given; see
            `tfqd.ops.frozen`.
        scale: float32 [bucketing.count], what a point is multiplied by in each bucket;
            None for the range of its weights. With symmetric scaling.
        border: where codes change among the points in ascending order, of one codebook;
            see `tfqd.ops.nearest`. None for half way.

    Returns:
        float32, shape `bucketing.shape`. Its gradient is Eq. 6 to the points
        and straight-through to the weights. A scale s of point p and weight w gets
        p - w / s, or p where w lies beyond the outermost points (LSQ's gradient) or its code
        is given.
    """

    @tf.custom_gradient
    def quantized(weights, points, *scales):
        ascending, order = _ascending(points)
        clipped = clip_weights(weights, clip)
        given = scales[0] if scales else None
        cut, buckets = scaled_buckets(clipped, bucketing, scaling, given, steps)
        codebooks = _codebooks(bucketing, channels_per_codebook)
        values, codes = nearest(cut, buckets, ascending, training, codebooks, border)
        if frozen is not None:
            codes = with_frozen(codes, frozen, bucketing)
            values = scale_up(_points_of(codes, ascending, codebooks), buckets)

        def gradient(upstream):
            sums = point_gradient(
                upstream, codes, buckets, bucketing, points.shape[-1], channels_per_codebook
            )
            to_points = _gather(sums, tf.argsort(order, axis=-1))
            to_weights = to_free(pass_gradient(weights, upstream, clip), frozen)
            if not scales:
                return to_weights, to_points
            point, lowest, highest = (
                _points_of(code, ascending, codebooks) for code in (codes, 0, points.shape[-1] - 1)
            )
            ends = (lowest, highest)
            to_scale = scale_gradient(upstream, cut, point, ends, buckets, bucketing, frozen)
            return to_weights, to_points, to_scale

        return from_buckets(values, bucketing), gradient

    # TensorFlow makes a tensor of every argument, which None cannot be.
    return quantized(weights, points, *([] if scale is None else [scale]))


def codebook_codes(
    weights: tf.Tensor,
    points: tf.Tensor,
    bucketing: Bucketing,
    scaling: str = "affine",
    clip: float | None = None,
    *,
    channels_per_codebook: int | None = None,
    steps: int = 1,
    frozen: tf.Tensor | None = None,
    scale: tf.Tensor | None = None,
    border: tf.Tensor | None = None,
    training: bool = False,
) -> Codes:
    """Codes, scales, offsets and sorted points of the weights.

    ``points[code] * scale + offset`` gives `codebook`'s result bit for bit. The
    arguments are those of `codebook`.
    """
    ascending, _ = _ascending(points)
    clipped = clip_weights(weights, clip)
    cut, buckets = scaled_buckets(clipped, bucketing, scaling, scale, steps)
    codebooks = _codebooks(bucketing, channels_per_codebook)
    _, codes = nearest(cut, buckets, ascending, training, codebooks, border)
    codes = with_frozen(codes, frozen, bucketing)
    return Codes(
        tf.cast(from_buckets(codes, bucketing), tf.uint8),
        per_bucket(buckets.scale, bucketing),
        None if buckets.offset is None else per_bucket(buckets.offset, bucketing),
        ascending,
        channels_per_codebook,
    )


def _codebooks(bucketing: Bucketing, channels_per_codebook: int | None) -> tf.Tensor | None:
    """The codebook of each bucket, to broadcast against the cut tensor; None for one."""
    codebooks = bucketing.codebooks(channels_per_codebook)
    return None if codebooks is None else over_buckets(tf.constant(codebooks), bucketing)


def _points_of(codes, ascending, codebooks) -> tf.Tensor:
    """The point of each code."""
    book = 0 if codebooks is None else codebooks
    return tf.gather(tf.reshape(ascending, [-1]), codes + book * ascending.shape[-1])


def _ascending(points) -> tuple[tf.Tensor, tf.Tensor]:
    order = tf.argsort(points, axis=-1)
    return _gather(points, order), order


def _gather(values, order) -> tf.Tensor:
    """Each codebook's values in its own order."""
    return tf.gather(values, order, batch_dims=len(values.shape) - 1)
