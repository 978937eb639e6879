"""Weights that attract one another over a short reach, and the clusters that they form.

In the manner of soft quantization (Bernstein, Di Carlo and Schwab 2026, arXiv 2601.21219),
whose pair potential is not known to us: the truncated distance below is tfqd's choice.
With n weights, strength lambda and reach epsilon,

    E(w) = lambda / (2 n) sum_ij min(|w_i - w_j|, epsilon),

    dE/dw_i = lambda / n (#{j: w_i - epsilon < w_j < w_i} - #{j: w_i < w_j < w_i + epsilon}).

Where many weights have gathered at a value, that is an L1 pull towards it on all within
reach; beyond it nothing.
"""

import numpy as np
import tensorflow as tf


def attraction(weights: tf.Tensor, reach: tf.Tensor) -> tf.Tensor:
    """dE/dw for a strength of 1, by sorting: n log n steps.

    Args:
        weights: float32 of any shape, finite.
        reach: float32 [], epsilon, in the weights' unit.

    Returns:
        float32 of the weights' shape, between -1 and 1.
    """
    values = tf.reshape(weights, [-1])
    order = tf.argsort(values)
    ordered = tf.gather(values, order)

    # Bounds in ascending order are found faster.
    def below(bounds: tf.Tensor, side: str) -> tf.Tensor:
        return tf.searchsorted(ordered, bounds, side)

    lower = below(ordered, "left") - below(ordered - reach, "right")
    higher = below(ordered + reach, "left") - below(ordered, "right")
    share = tf.cast(lower - higher, tf.float32) / tf.cast(tf.size(values), tf.float32)
    placed = tf.scatter_nd(order[:, None], share, tf.shape(values))
    return tf.reshape(placed, tf.shape(weights))


def gathered(weights: np.ndarray, gap: float, least: float) -> tuple[np.ndarray, np.ndarray]:
    """The weights, each at the nearest center of a cluster.

    Clusters are what gaps of more than `gap` part; their centers are the means of their
    weights. A cluster of less than the share `least` of the weights has no center.

    Args:
        weights: floats of any shape, finite.
        gap: in the weights' unit.
        least: from 0 to below 1; the largest cluster stays whatever it is.

    Returns:
        float32 of the weights' shape, and the centers: float32 [clusters], ascending.
    """
    ordered, ends = _clusters(weights, gap)
    sizes = np.diff(ends, prepend=0)
    sums = np.diff(np.cumsum(ordered)[ends - 1], prepend=0.0)
    kept = (sizes >= least * ordered.size) | (sizes == sizes.max())
    centers = (sums / sizes)[kept].astype(np.float32)
    nearest = np.searchsorted((centers[1:] + centers[:-1]) / 2, weights)
    return centers[nearest], centers


def largest_cluster(weights: np.ndarray, gap: float) -> np.ndarray:
    """The weights of the largest of the clusters that gaps of more than `gap` part.

    Args:
        weights: floats of any shape, finite.
        gap: in the weights' unit.

    Returns:
        float64 [weights], ascending.
    """
    ordered, ends = _clusters(weights, gap)
    return max(np.split(ordered, ends[:-1]), key=len)


def _clusters(weights: np.ndarray, gap: float) -> tuple[np.ndarray, np.ndarray]:
    """All weights in ascending order, float64, and where each cluster among them ends."""
    ordered = np.sort(weights, axis=None).astype(np.float64)
    return ordered, np.append(np.flatnonzero(np.diff(ordered) > gap) + 1, ordered.size)
