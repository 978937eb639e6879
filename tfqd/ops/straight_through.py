"""The straight-through gradient, identity or clipped."""

from collections.abc import Callable

import tensorflow as tf

from tfqd.ops.frozen import to_free


def clip_weights(weights: tf.Tensor, clip: float | None) -> tf.Tensor:
    """The weights clipped to [-clip, clip]; unchanged when `clip` is None."""
    return weights if clip is None else tf.clip_by_value(weights, -clip, clip)


def pass_gradient(weights: tf.Tensor, gradient: tf.Tensor, clip: float | None) -> tf.Tensor:
    """The upstream gradient as it reaches the float weights.

    The identity (Algorithm 1 of arXiv 1802.05668), or with a clip zero where
    |w| > clip (Hubara et al. 2016).
    """
    if clip is None:
        return gradient
    return tf.where(tf.abs(weights) > clip, tf.zeros_like(gradient), gradient)


def straight_through(
    quantize: Callable[[tf.Tensor], tf.Tensor],
    weights: tf.Tensor,
    clip: float | None,
    frozen: tf.Tensor | None = None,
) -> tf.Tensor:
    """`quantize(weights)` forward, `pass_gradient` backward, to the weights that are free.

    Args:
        quantize: a function of the weights.
        weights: float32, any shape.
        clip: see `pass_gradient`.
        frozen: codes that are given; see `tfqd.ops.frozen`.
    """

    @tf.custom_gradient
    def quantized(weights):
        return quantize(weights), lambda upstream: to_free(
            pass_gradient(weights, upstream, clip), frozen
        )

    return quantized(weights)
