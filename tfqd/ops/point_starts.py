"""Where the points of a codebook start."""

import statistics

import numpy as np
import tensorflow as tf

from tfqd.ops.buckets import (
    bucket_axis,
    bucket_sizes,
    from_buckets,
    over_buckets,
    per_bucket,
    to_buckets,
)
from tfqd.ops.kmeans import kmeans
from tfqd.ops.learned_step import SMALLEST_START
from tfqd.ops.scaling import scale_down, scaled_buckets
from tfqd.ops.straight_through import clip_weights
from tfqd.spec.bucketing import Bucketing

# Turns of assigning weights to points and fitting scales to them.
_FITS = 20
_BEGINNINGS = (1.0, 0.5, 0.25)


def uniform_points(levels: int, scaling: str = "affine") -> np.ndarray:
    """`levels` evenly spaced points over the scaled domain: float32 [levels]."""
    low = -1.0 if scaling == "symmetric" else 0.0
    return np.linspace(low, 1.0, levels, dtype=np.float32)


def normal_points(levels: int, scaling: str = "affine") -> np.ndarray:
    """Points at quantiles of a normal distribution, 0 among them, scaled to end in 1.

    The construction of QLoRA's NF4 (arXiv 2305.14314, for 16 levels) for any
    number: levels // 2 points above 0 and (levels - 1) // 2 below, at even steps
    of probability from 1/2 to 1 - (1/(2 k) + 1/(2 (k-1)))/2. Two points are -1
    and 1. With affine scaling they are moved from [-1, 1] to [0, 1].

    Returns:
        float32 [levels], ascending.
    """
    if levels == 2:
        return uniform_points(2, scaling)
    largest = 1 - (1 / (2 * levels) + 1 / (2 * (levels - 1))) / 2
    quantile = statistics.NormalDist().inv_cdf

    def half(count):
        return np.array([quantile(p) for p in np.linspace(largest, 0.5, count + 1)[:-1]])

    points = np.concatenate([-half((levels - 1) // 2), [0.0], half(levels // 2)[::-1]])
    points /= quantile(largest)
    return (points if scaling == "symmetric" else (points + 1) / 2).astype(np.float32)


def quantile_points(
    weights: tf.Tensor,
    levels: int,
    bucketing: Bucketing,
    scaling: str = "affine",
    clip: float | None = None,
    channels_per_codebook: int | None = None,
    scale: np.ndarray | None = None,
) -> np.ndarray:
    """Points at the quantiles 0, 1/(levels-1), ..., 1 of the scaled weights.

    Args:
        weights: float32, shape `bucketing.shape`, finite.
        levels: number of points, at least 2.
        bucketing: where the buckets lie.
        scaling: ``"affine"`` or ``"symmetric"``.
        clip: as given to `codebook`, which scales the clipped weights.
        channels_per_codebook: see `tfqd.ops.codebook`.
        scale: float32 [bucketing.count], alpha of each bucket; None for its range.

    Returns:
        float32 [levels] or [codebooks, levels], ascending; the first is the
        smallest scaled weight and the last the largest (0 and 1 with affine
        scaling and one codebook).
    """
    probabilities = np.linspace(0.0, 1.0, levels)
    cut, buckets = scaled_buckets(clip_weights(weights, clip), bucketing, scaling, scale)
    values = _of_codebooks(scale_down(cut, buckets), bucketing, channels_per_codebook)
    points = [np.quantile(each, probabilities) for each in values]
    return _stacked(points, bucketing, channels_per_codebook)


def kmeans_points(
    weights: tf.Tensor,
    levels: int,
    bucketing: Bucketing,
    scaling: str = "affine",
    clip: float | None = None,
    channels_per_codebook: int | None = None,
    sensitivity: tf.Tensor | None = None,
    scale: np.ndarray | None = None,
) -> np.ndarray:
    """Points that make the squared error of the weights small: weighted k-means.

    A scaled weight counts alpha^2, by which its squared error is larger in the
    tensor, times its sensitivity.

    Args:
        sensitivity: what the squared error of each weight costs, not negative,
            of the weights' shape; None where all cost the same.

    The other arguments and the result are those of `quantile_points`.
    """
    cut, buckets = scaled_buckets(clip_weights(weights, clip), bucketing, scaling, scale)
    costs = tf.ones_like(cut) if sensitivity is None else to_buckets(sensitivity, bucketing)
    values, costs = (
        _of_codebooks(each, bucketing, channels_per_codebook)
        for each in (scale_down(cut, buckets), costs * buckets.scale**2)
    )
    points = [kmeans(*each, levels) for each in zip(values, costs, strict=True)]
    return _stacked(points, bucketing, channels_per_codebook)


def deviations(weights: tf.Tensor, bucketing: Bucketing) -> np.ndarray:
    """The standard deviation about 0 of each bucket's weights, at least `SMALLEST_START`.

    Args:
        weights: float32, shape `bucketing.shape`, finite.
        bucketing: where the buckets lie.

    Returns:
        float32 [bucketing.count].
    """
    squares = tf.square(to_buckets(weights, bucketing, fill="zero"))
    sums = per_bucket(tf.reduce_sum(squares, bucket_axis(bucketing), keepdims=True), bucketing)
    deviation = np.sqrt(sums.numpy() / bucket_sizes(bucketing))
    return np.maximum(deviation, SMALLEST_START).astype(np.float32)


def fitted_scales(
    weights: tf.Tensor, points: np.ndarray, bucketing: Bucketing, scale: np.ndarray
) -> np.ndarray:
    """The scales with which given points have a small squared error.

    Weights are assigned to the nearest points and each bucket's scale is fitted to them
    by least squares, in turns, which leads to a minimum near where it begins: of some
    beginnings the best is taken.

    Args:
        weights: float32, shape `bucketing.shape`, finite.
        points: float32 [k], ascending, in units of the scale.
        bucketing: where the buckets lie.
        scale: float32 [bucketing.count], positive, to begin with.

    Returns:
        float32 [bucketing.count].
    """
    axis, cut = bucket_axis(bucketing), to_buckets(weights, bucketing).numpy()
    inside = to_buckets(tf.ones(bucketing.shape), bucketing, fill="zero").numpy()
    first = over_buckets(tf.constant(scale), bucketing).numpy()
    midpoints = (points[1:] + points[:-1]) / 2

    def summed(values):
        return np.sum(inside * values, axis, keepdims=True)

    best, least = first, np.full_like(first, np.inf)
    for factor in _BEGINNINGS:
        found = factor * first
        for _ in range(_FITS):
            nearest = points[np.searchsorted(midpoints, cut / found)]
            fitted = summed(cut * nearest) / np.maximum(summed(nearest**2), 1e-30)
            found = np.where(fitted > 0, fitted, found)
        error = summed((cut - found * points[np.searchsorted(midpoints, cut / found)]) ** 2)
        best, least = np.where(error < least, found, best), np.minimum(error, least)
    return per_bucket(tf.constant(best, tf.float32), bucketing).numpy()


def _of_codebooks(
    cut: tf.Tensor, bucketing: Bucketing, channels_per_codebook: int | None
) -> list[np.ndarray]:
    """The values of each codebook, without padding: [N] each."""
    values = from_buckets(cut, bucketing).numpy().reshape(-1)
    codebooks = bucketing.codebooks(channels_per_codebook)
    if codebooks is None:
        return [values]
    spread = tf.broadcast_to(over_buckets(tf.constant(codebooks), bucketing), cut.shape)
    codebook = from_buckets(spread, bucketing).numpy().reshape(-1)
    order = np.argsort(codebook, kind="stable")
    return np.split(values[order], np.cumsum(np.bincount(codebook))[:-1])


def _stacked(
    points: list[np.ndarray], bucketing: Bucketing, channels_per_codebook: int | None
) -> np.ndarray:
    """float32 [k] of one codebook for the tensor, else [codebooks, k]."""
    shape = bucketing.points_shape(len(points[0]), channels_per_codebook)
    return np.stack(points).astype(np.float32).reshape(shape)
