"""Rounding to whole numbers (section 2.1 of arXiv 1802.05668)."""

import tensorflow as tf


def deterministic(x: tf.Tensor) -> tf.Tensor:
    """To the nearest whole number, ties to the even one."""
    return tf.round(x)


def to_integers(x: tf.Tensor, largest: int) -> tf.Tensor:
    """`largest` * x at the nearest of the integers from -`largest` to `largest`.

    Args:
        x: floating point; its gradient is straight-through, as if nothing had
            been rounded or clipped.
        largest: positive.
    """

    @tf.custom_gradient
    def rounded(x):
        integers = tf.round(tf.clip_by_value(x, -1.0, 1.0) * largest)
        return integers, lambda upstream: upstream * largest

    return rounded(x)


def stochastic(x: tf.Tensor, seed: tf.Tensor, tolerance: tf.Tensor | float = 0.0) -> tf.Tensor:
    """Up with probability x - floor(x), else down: E[result] = x.

    Args:
        x: floating point.
        seed: int32 of shape [2]; the same seed gives the same noise, though
            under XLA another than without.
        tolerance: numbers this close to a whole one are taken for it and never
            move to a neighbour; broadcasts against `x`.
    """
    floor, nearest = tf.floor(x), tf.round(x)
    noise = tf.random.stateless_uniform(tf.shape(x), seed, dtype=x.dtype)
    rounded = floor + tf.cast(noise < x - floor, x.dtype)
    return tf.where(tf.abs(x - nearest) <= tolerance, nearest, rounded)
