"""Uniform quantization with a trained step (LSQ) and offset (LSQ+).

With the position x = (w - beta) / s + z of a weight among the codes 0, ..., n,
where z is the code of 0 (symmetric scaling, beta = 0) or 0 (affine scaling),

    c = round(clip(x, 0, n)),    Q(w) = (c - z) s + beta.

Where codes change need not be half way between them (`tfqd.ops.entropy`).

The gradients are those of Esser et al. 2020 (LSQ, arXiv 1902.08153), with the
rounding straight-through:

    dQ/ds = c - x inside, c - z outside,
    dQ/dw = 1 inside, 0 outside,    dQ/dbeta = 0 inside, 1 outside,

the last one of LSQ+ (arXiv 2004.09576). Inside means 0 <= x <= n; a weight whose
code is given (`tfqd.ops.frozen`) counts as outside. The sign of the step counts for
nothing: s stands for |s|.
"""

import numpy as np
import tensorflow as tf

from tfqd.ops import uniform_grid
from tfqd.ops.buckets import (
    bucket_axis,
    bucket_sizes,
    from_buckets,
    over_buckets,
    per_bucket,
    to_buckets,
)
from tfqd.ops.codes import Codes
from tfqd.ops.entropy import round_between
from tfqd.ops.frozen import with_frozen
from tfqd.ops.scaling import Range
from tfqd.spec.bucketing import Bucketing
from tfqd.spec.grid import zero_code

# A step of 0 would get no gradient from weights of 0, and stay there.
SMALLEST_START = 1e-4

# Weights that lie on the first or last level, as those of a model that was loaded
# from codes do, count as inside wherever float32 places them, in steps.
_TOLERANCE = 1e-3


def learned_step(
    weights: tf.Tensor,
    step: tf.Tensor,
    offset: tf.Tensor | None,
    bucketing: Bucketing,
    levels: int,
    frozen: tf.Tensor | None = None,
    border: tf.Tensor | None = None,
) -> tf.Tensor:
    """The quantized weights, with the gradients of LSQ and LSQ+.

    Args:
        weights: float32, shape `bucketing.shape`.
        step: float32 [bucketing.count], s of each bucket.
        offset: float32 [bucketing.count], beta of each bucket; None for
            symmetric scaling.
        bucketing: where the buckets lie.
        levels: number of grid points, n + 1, at least 2.
        frozen: codes that are given; see `tfqd.ops.frozen`.
        border: where codes change; see `tfqd.ops.entropy`. None for half way.

    Returns:
        float32, shape `bucketing.shape`.
    """

    @tf.custom_gradient
    def quantized(weights, step, *offsets):
        buckets = range_of_steps(step, offsets[0] if offsets else None, bucketing, levels)
        position = uniform_grid.position(to_buckets(weights, bucketing), buckets, levels)
        codes = with_frozen(round_between(position, border, levels), frozen, bucketing)

        def gradient(upstream):
            cut = to_buckets(upstream, bucketing, fill="zero")
            inside = _is_inside(position, levels)
            if frozen is not None:
                inside &= to_buckets(frozen, bucketing) < 0
            to_weights = from_buckets(tf.where(inside, cut, 0.0), bucketing)
            slope = codes - tf.where(inside, position, _zero(buckets, levels))
            to_step = tf.where(step < 0, -1.0, 1.0) * _sum(cut * slope, bucketing)
            to_offset = [_sum(tf.where(inside, 0.0, cut), bucketing) for _ in offsets]
            return to_weights, to_step, *to_offset

        return from_buckets(uniform_grid.decode(codes, buckets, levels), bucketing), gradient

    return quantized(weights, step, *([] if offset is None else [offset]))


def learned_step_codes(
    weights: tf.Tensor,
    step: tf.Tensor,
    offset: tf.Tensor | None,
    bucketing: Bucketing,
    levels: int,
    frozen: tf.Tensor | None = None,
    border: tf.Tensor | None = None,
) -> Codes:
    """Codes, scales and offsets of the weights.

    Decoding them by `tfqd.ops.uniform_grid` gives `learned_step`'s result bit
    for bit. The arguments are those of `learned_step`.
    """
    buckets = range_of_steps(step, offset, bucketing, levels)
    position = uniform_grid.position(to_buckets(weights, bucketing), buckets, levels)
    codes = with_frozen(round_between(position, border, levels), frozen, bucketing)
    codes = from_buckets(codes, bucketing)
    return Codes(tf.cast(codes, tf.uint8), per_bucket(buckets.scale, bucketing), offset)


def within_ends(
    weights: tf.Tensor,
    step: tf.Tensor,
    offset: tf.Tensor | None,
    bucketing: Bucketing,
    levels: int,
) -> tf.Tensor:
    """Which weights the grid's ends do not clip: bool, shape `bucketing.shape`.

    The arguments are those of `learned_step`.
    """
    buckets = range_of_steps(step, offset, bucketing, levels)
    position = uniform_grid.position(to_buckets(weights, bucketing), buckets, levels)
    return from_buckets(_is_inside(position, levels), bucketing)


def step_gradient_scale(bucketing: Bucketing, levels: int, scaling: str) -> np.ndarray:
    """1 / sqrt(N Q) of each bucket of N weights, Q the grid's largest integer.

    LSQ's factor for the gradients of steps, which are sums over N weights:
    float32 [bucketing.count].
    """
    largest = levels - 1 if scaling == "affine" else _largest_integer(levels)
    return _float32(1.0 / np.sqrt(bucket_sizes(bucketing) * float(largest)))


def start_of_steps(
    weights: tf.Tensor, bucketing: Bucketing, levels: int, scaling: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Where the steps and offsets of a bucket with N weights start.

    s = 2 / (N sqrt(Q)) sum |w|, Q the largest integer of the symmetric grid, as
    in LSQ. With affine scaling the same grid about the mean of the weights. Weights of one
    size start where the largest level holds them: at 2 bits LSQ's s would make zeros of them.

    Args:
        weights: float32, shape `bucketing.shape`, finite.
        bucketing: where the buckets lie.
        levels: number of grid points, at least 2.
        scaling: ``"affine"`` or ``"symmetric"``.

    Returns:
        float32 [bucketing.count] steps, and offsets or None.
    """
    sizes = bucket_sizes(bucketing)
    mean = np.zeros(bucketing.count)
    if scaling == "affine":
        mean = _sum(to_buckets(weights, bucketing, fill="zero"), bucketing).numpy() / sizes
    inside = to_buckets(tf.ones(bucketing.shape), bucketing, fill="zero")
    deviation = inside * tf.abs(
        to_buckets(weights, bucketing) - over_buckets(_float32(mean), bucketing)
    )
    mean_deviation = _sum(deviation, bucketing).numpy() / sizes
    largest_deviation = tf.reduce_max(deviation, bucket_axis(bucketing), keepdims=True)
    largest_deviation = per_bucket(largest_deviation, bucketing).numpy()
    step = 2 * mean_deviation / np.sqrt(_largest_integer(levels))
    of_one_size = largest_deviation <= mean_deviation * (1 + _TOLERANCE)
    step = np.where(of_one_size, largest_deviation / (levels - 1 - zero_code(levels)), step)
    step = _float32(np.maximum(step, SMALLEST_START))
    return step, _float32(mean - zero_code(levels) * step) if scaling == "affine" else None


def range_of_steps(
    step: tf.Tensor, offset: tf.Tensor | None, bucketing: Bucketing, levels: int
) -> Range:
    """The range that has these steps, as it is stored; the arguments are `learned_step`'s."""
    intervals = zero_code(levels) if offset is None else float(levels - 1)
    scale = over_buckets(tf.abs(step) * intervals, bucketing)
    return Range(scale, None if offset is None else over_buckets(offset, bucketing))


def _largest_integer(levels: int) -> float:
    """The largest integer of the grid with symmetric scaling; 1 for one bit."""
    return max(1.0, levels - 1 - zero_code(levels))


def _is_inside(position: tf.Tensor, levels: int) -> tf.Tensor:
    return tf.abs(position - (levels - 1) / 2) <= (levels - 1) / 2 + _TOLERANCE


def _zero(buckets: Range, levels: int) -> float:
    """The code z of a bucket's offset."""
    return zero_code(levels) if buckets.offset is None else 0.0


def _sum(cut: tf.Tensor, bucketing: Bucketing) -> tf.Tensor:
    return per_bucket(tf.reduce_sum(cut, bucket_axis(bucketing), keepdims=True), bucketing)


def _float32(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float32)
