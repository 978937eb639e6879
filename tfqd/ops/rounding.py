"""Rounding to whole numbers (section 2.1 of arXiv 1802.05668), and to 8-bit floats."""

import tensorflow as tf

from tfqd.spec.grid import LARGEST_POINT

_E4M3_LARGEST = float(LARGEST_POINT["e4m3"])


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
        integers = tf.where(integers == 0.0, 0.0, integers)  # Integers know no -0.
        return integers, lambda upstream: upstream * largest

    return rounded(x)


def to_sizes(x: tf.Tensor, largest: int) -> tf.Tensor:
    """x at the nearest of the integers from 1 to `largest`.

    Args:
        x: floating point; its gradient is straight-through, as if nothing had
            been rounded or clipped.
        largest: at least 1.
    """

    @tf.custom_gradient
    def rounded(x):
        return tf.clip_by_value(tf.round(x), 1.0, float(largest)), lambda upstream: upstream

    return rounded(x)


def to_e4m3(x: tf.Tensor, factor: int = 1) -> tf.Tensor:
    """`factor` * x at the nearest 8-bit float, FP8 E4M3, ties to the even one.

    Floats of E4M3 have four bits of exponent and three of mantissa: from 2^-6 to 448 eight
    between powers of two, below 2^-6 multiples of 2^-9. What is beyond 448 goes to it.

    Args:
        x: float32; its gradient is straight-through, as if nothing had been rounded or
            clipped.
        factor: positive.
    """

    @tf.custom_gradient
    def rounded(x):
        stretched = tf.clip_by_value(x * factor, -_E4M3_LARGEST, _E4M3_LARGEST)
        # Of a float32's 23 bits of mantissa three stay. One of bits: compilers leave out
        # casts to a shorter type and back.
        bits = tf.bitcast(stretched, tf.int32)
        bits += 0x7FFFF + tf.bitwise.bitwise_and(tf.bitwise.right_shift(bits, 20), 1)
        normal = tf.bitcast(tf.bitwise.bitwise_and(bits, tf.constant(-0x100000)), tf.float32)
        small = tf.round(stretched * 2.0**9) * 2.0**-9
        result = tf.where(tf.abs(stretched) < 2.0**-6, small, normal)
        return result, lambda upstream: upstream * factor

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
