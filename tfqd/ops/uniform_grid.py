"""Positions on a uniform grid, and back: the arithmetic of `uniform` and `learned_step`.

With affine scaling code c of n + 1 levels stands for

    beta + c * (alpha / n),

with symmetric scaling it is written about the code z of 0 (`tfqd.spec.grid`), so that
an integer kernel computes the very same numbers:

    (c - z) * (alpha / z).
"""

import tensorflow as tf

from tfqd.ops.scaling import Range
from tfqd.spec.grid import zero_code


def position(cut: tf.Tensor, buckets: Range, levels: int) -> tf.Tensor:
    """Where the weights lie, as codes that are not rounded.

    Args:
        cut: float32 weights, a cut tensor.
        buckets: the buckets' scales and offsets.
        levels: number of levels of the grid.
    """
    if buckets.offset is None:
        zero = zero_code(levels)
        return zero + cut * tf.math.divide_no_nan(zero, buckets.scale)
    return (cut - buckets.offset) * tf.math.divide_no_nan(float(levels - 1), buckets.scale)


def decode(codes: tf.Tensor, buckets: Range, levels: int) -> tf.Tensor:
    """The weights that float `codes`, a cut tensor, stand for."""
    # divide_no_nan, since TensorFlow's graph optimizer turns a plain division by
    # a constant into a product with its reciprocal, which differs by one bit.
    if buckets.offset is None:
        zero = zero_code(levels)
        return (codes - zero) * tf.math.divide_no_nan(buckets.scale, zero)
    return codes * tf.math.divide_no_nan(buckets.scale, float(levels - 1)) + buckets.offset


def with_short_steps(buckets: Range, levels: int) -> Range:
    """Symmetric buckets whose steps are rounded to the nearest that bfloat16 holds.

    The rounding is one of bits: compilers leave out casts to a shorter type and back.
    """
    zero = zero_code(levels)
    step = tf.math.divide_no_nan(buckets.scale, zero)
    bits = tf.bitcast(step, tf.int32) + 0x8000
    short = tf.bitcast(tf.bitwise.bitwise_and(bits, tf.constant(-0x10000)), tf.float32)
    # Exact: a step has 8 bits, and the code of 0 no more than 7.
    return Range(short * zero, None)
