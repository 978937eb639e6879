"""The statistics of BatchNormalization layers, measured over given batches.

For a while the layers normalize every batch by its own mean and variance, as in
training, and add these up; nothing else of the model is in training mode, and
nothing of it is assigned until `assign`.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from tfqd.wrapping import calls
from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.version import version_of


class BatchStatistics:
    """What one BatchNormalization layer has seen, in float64.

    Args:
        layer: a built BatchNormalization layer of either Keras version.
    """

    def __init__(self, layer):
        self.layer = layer
        shape = layer.moving_mean.shape
        self._mean, self._variance, self._count = (
            tf.Variable(tf.zeros(shape, tf.float64), trainable=False) for _ in range(3)
        )

    def normalize(self, inputs, training=None, mask=None) -> tf.Tensor:
        """The layer's `call` in training mode, but that it gathers here.

        Args:
            inputs: the layer's inputs.
            training: not used; the layer's `call` has it.
            mask: None, or what of the inputs counts, of one rank less.
        """
        layer, x = self.layer, tf.cast(inputs, tf.float32)
        kept = {axis % x.shape.rank for axis in tf.nest.flatten(layer.axis)}
        reduced = [axis for axis in range(x.shape.rank) if axis not in kept]
        mean, variance, count = _moments(x, reduced, mask)
        for total, value in ((self._mean, mean), (self._variance, variance)):
            value = tf.cast(tf.reshape(value, total.shape), tf.float64)
            # A batch of nothing has no mean.
            total.assign_add(tf.math.multiply_no_nan(value, count))
        self._count.assign_add(tf.fill(self._count.shape, count))
        parameters = [
            None if each is None else tf.reshape(tf.cast(each, tf.float32), tf.shape(mean))
            for each in (layer.beta, layer.gamma)
        ]
        outputs = tf.nn.batch_normalization(x, mean, variance, *parameters, layer.epsilon)
        return tf.cast(outputs, layer.compute_dtype)

    @property
    def seen(self) -> bool:
        """Whether anything has come through the layer."""
        return bool(tf.reduce_all(self._count > 0))

    def assign(self) -> None:
        """Makes the averages over all batches the layer's moving statistics."""
        mean, variance = self._mean / self._count, self._variance / self._count
        self.layer.moving_mean.assign(tf.cast(mean, self.layer.moving_mean.dtype))
        self.layer.moving_variance.assign(tf.cast(variance, self.layer.moving_variance.dtype))
        if getattr(self.layer, "renorm", False):
            # From it the layer derives the variance if training goes on.
            deviation = tf.sqrt(variance + self.layer.epsilon)
            self.layer.moving_stddev.assign(tf.cast(deviation, self.layer.moving_stddev.dtype))


@contextlib.contextmanager
def gathering(layers) -> Iterator[list[BatchStatistics]]:
    """Inside, the layers normalize by each batch's own statistics and gather them."""
    statistics = [BatchStatistics(layer) for layer in layers]
    with contextlib.ExitStack() as replacing:
        for each in statistics:
            replacing.enter_context(calls.replaced(each.layer, each.normalize))
        yield statistics


def batch_norm_layers(model) -> list:
    """The model's BatchNormalization layers that are built and not frozen.

    Raises:
        ValueError: when one of them is of a class that computes by itself.
    """
    layers = [
        layer
        for layer in all_layers(model)
        if _is_batch_norm(layer) and layer.built and layer.trainable
    ]
    for layer in layers:
        base = next(cls for cls in type(layer).__mro__ if "call" in vars(cls))
        if base.__module__.split(".")[0] not in ("keras", "tf_keras"):
            raise ValueError(
                f"layer {layer.name!r} is a BatchNormalization with a call of its own "
                f"({base.__module__}.{base.__name__}), whose statistics cannot be measured"
            )
    return layers


def inference(model, inputs) -> Any:
    """The model's outputs in inference mode, without a trace in a Keras 3 model's state."""
    return version_of(model).training.inference(model, inputs)


def _is_batch_norm(layer) -> bool:
    return any(
        cls.__name__ == "BatchNormalization"
        and cls.__module__.split(".")[0] in ("keras", "tf_keras")
        for cls in type(layer).__mro__
    )


def _moments(x, axes: list[int], mask) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Mean and variance, with the reduced axes kept, and how many values each is of."""
    if mask is None:
        mean, variance = tf.nn.moments(x, axes, keepdims=True)
        count = tf.size(x, tf.int64) / tf.size(mean, tf.int64)
    else:
        weights = tf.broadcast_to(tf.cast(mask, x.dtype)[..., tf.newaxis], tf.shape(x))
        mean, variance = tf.nn.weighted_moments(x, axes, weights, keepdims=True)
        count = tf.reduce_sum(weights) / tf.cast(tf.size(mean), x.dtype)
    return mean, variance, tf.cast(count, tf.float64)
