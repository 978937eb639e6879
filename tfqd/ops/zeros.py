"""Keeping weights that are zero at zero, as pruning has left them."""

import tensorflow as tf


def hold_zeros(weights: tf.Tensor) -> tf.Tensor:
    """The weights themselves, of which those that are zero pass no gradient."""
    return tf.where(weights == 0.0, tf.zeros_like(weights), weights)


def with_zero(points: tf.Tensor) -> tf.Tensor:
    """The points with the one of each codebook that is nearest to 0 put there.

    Args:
        points: float [k] or [codebooks, k].

    Returns:
        The same shape; the points that were put to 0 get no gradient.
    """
    nearest = tf.argmin(tf.abs(points), axis=-1)
    is_nearest = tf.one_hot(nearest, points.shape[-1], on_value=True, off_value=False)
    return tf.where(is_nearest, tf.zeros_like(points), points)
