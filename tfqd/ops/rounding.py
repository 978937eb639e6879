"""Rounding to whole numbers (section 2.1 of arXiv 1802.05668)."""

import tensorflow as tf


def deterministic(x: tf.Tensor) -> tf.Tensor:
    """To the nearest whole number, ties to the even one."""
    return tf.round(x)


def stochastic(x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Up with probability x - floor(x), else down: E[result] = x.

    Args:
        seed: int32 of shape [2]; the same seed gives the same noise.
    """
    floor = tf.floor(x)
    noise = tf.random.stateless_uniform(tf.shape(x), seed, dtype=x.dtype)
    return floor + tf.cast(noise < x - floor, x.dtype)
