"""Weights whose code is given, whatever they are: those that oscillated and were frozen.

Given codes are a float32 tensor of the weights' shape that holds the code of each
weight, or -1 for the weights that are free. Scales and offsets stay those of all
weights of the bucket; a weight with a given code gets no gradient.
"""

import tensorflow as tf

from tfqd.ops.buckets import to_buckets
from tfqd.spec.bucketing import Bucketing


def with_frozen(codes: tf.Tensor, frozen: tf.Tensor | None, bucketing: Bucketing) -> tf.Tensor:
    """The codes with the given ones in their places.

    Args:
        codes: a cut tensor, of any type of numbers.
        frozen: the given codes; None for none.
        bucketing: where the buckets lie.
    """
    if frozen is None:
        return codes
    cut = to_buckets(frozen, bucketing)
    return tf.where(cut < 0, codes, tf.cast(cut, codes.dtype))


def to_free(gradient: tf.Tensor, frozen: tf.Tensor | None) -> tf.Tensor:
    """The gradient of the weights, 0 for those with a given code.

    Args:
        gradient: float32, the weights' shape.
        frozen: the given codes; None for none.
    """
    return gradient if frozen is None else tf.where(frozen < 0, gradient, 0.0)
