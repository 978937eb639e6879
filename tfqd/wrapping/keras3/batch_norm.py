"""BatchNormalization in training, by TensorFlow's fused kernel.

Keras 3 computes a batch's mean, its variance and what is normalized by them with an operator
each, forwards and backwards; TensorFlow has one kernel for all of it.
"""

import contextlib
import functools
from collections.abc import Iterator

import keras
import tensorflow as tf

from tfqd.wrapping import calls
from tfqd.wrapping.layers import all_layers

# The least epsilon that cuDNN takes.
_LEAST_EPSILON = 1.001e-5


@contextlib.contextmanager
def fused_batch_norm(model: keras.Model) -> Iterator[None]:
    """Inside, BatchNormalization layers in training mode compute by the fused kernel.

    The layers of Keras alone, of images with their channels last, in float32; others, and those
    with a mask, compute by themselves. Statistics are those of Keras, to rounding.
    """
    with contextlib.ExitStack() as replacing:
        for layer in all_layers(model):
            if _is_plain(layer):
                call = functools.partial(_call, layer)
                replacing.enter_context(calls.replaced(layer, call))
        yield


def _is_plain(layer: keras.layers.Layer) -> bool:
    """Whether it is Keras' own layer, of statistics that the kernel computes."""
    return (
        type(layer) is keras.layers.BatchNormalization
        and not layer.synchronized
        and not getattr(layer, "renorm", False)
        and layer.epsilon >= _LEAST_EPSILON
    )


def _call(layer, inputs, training=None, mask=None) -> tf.Tensor:
    """The layer's `call`."""
    if not training or not layer.trainable or mask is not None or not _is_image(layer, inputs):
        return type(layer).call(layer, inputs, training=training, mask=mask)
    mean, variance = layer.moving_mean, layer.moving_variance
    count = tf.size(inputs) // tf.shape(inputs)[-1]
    outputs, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=tf.ones(mean.shape) if layer.gamma is None else layer.gamma,
        offset=tf.zeros(mean.shape) if layer.beta is None else layer.beta,
        mean=tf.zeros([0]),
        variance=tf.zeros([0]),
        epsilon=layer.epsilon,
        is_training=True,
    )
    # The kernel's is that of the population from which the batch is drawn, Keras' the batch's.
    batch_variance *= tf.cast(tf.maximum(count - 1, 1) / count, tf.float32)
    for moving, value in ((mean, batch_mean), (variance, batch_variance)):
        moving.assign(moving * layer.momentum + value * (1.0 - layer.momentum))
    return outputs


def _is_image(layer, inputs) -> bool:
    """Whether the kernel takes the inputs as they are."""
    return (
        inputs.shape.rank == 4
        and layer.axis in (-1, 3)
        and inputs.dtype == tf.float32
        and layer.compute_dtype == "float32"
    )
