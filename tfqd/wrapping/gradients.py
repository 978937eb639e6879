"""Gradients of a loss to the quantized variables' float values, in any Keras version."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf

from tfqd.wrapping.quantized import QuantizedVariable
from tfqd.wrapping.version import version_of

Loss = Callable[..., tf.Tensor]


def loss_function(model, loss=None) -> Loss:
    """The function of targets, outputs and sample weights that is a scalar loss.

    Args:
        model: of Keras 3 or tf_keras; the loss that it was compiled with counts
            when `loss` is None.
        loss: None, or what ``keras.losses.get`` knows.

    Raises:
        ValueError: when `loss` is None and the model was not compiled with one,
            or Keras does not know it.
    """
    if loss is None:
        training = version_of(model).training
        if not training.has_loss(model):
            raise ValueError(
                f"give a loss, or compile model {model.name!r} with one: how much a weight "
                "matters is how much the loss changes with it"
            )
        return lambda y, y_pred, weight=None: training.supervised_loss(model, y, y_pred, weight)
    known = keras.losses.get(loss)
    # An object of either Keras has a reduction, and takes sample weights itself.
    return known if hasattr(known, "reduction") else _Mean(known)


class _Mean(keras.losses.Loss):
    """The mean of a function's values over a batch, weighed as Keras does."""

    def __init__(self, function: Callable[..., tf.Tensor]):
        super().__init__(name=getattr(function, "__name__", "loss"))
        self._function = function

    def call(self, y_true, y_pred):
        return self._function(y_true, y_pred)

    def __call__(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None and not self.call(y_true, y_pred).shape.rank:
            raise ValueError(
                f"loss {self.name!r} gives one number for a batch, which sample weights cannot "
                "weigh; give a function of one value an example, or a Loss object"
            )
        return super().__call__(y_true, y_pred, sample_weight)


def gradient_function(
    model, entries: Sequence[QuantizedVariable], loss: Loss
) -> Callable[..., list[tf.Tensor]]:
    """A function of a batch: the loss's gradients to the entries' variables.

    The model is run in inference, with quantized values or, inside
    `float_values`, with the float ones.

    Args:
        model: a quantized model of Keras 3 or tf_keras.
        entries: quantized variables of its.
        loss: from `loss_function`.

    Returns:
        A compiled function of inputs, targets and sample weights (or None).
    """
    watched = version_of(model).training.values([entry.variable for entry in entries])

    @tf.function(reduce_retracing=True, autograph=False)
    def gradients(x, y, weight=None):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(watched)
            value = loss(y, model(x, training=False), weight)
        found = tape.gradient(value, watched, unconnected_gradients="zero")
        return [tf.cast(tf.convert_to_tensor(gradient), tf.float32) for gradient in found]

    return gradients


@contextlib.contextmanager
def float_values(entries: Sequence[QuantizedVariable]) -> Iterator[None]:
    """Inside, functions that are traced compute with the entries' float values."""
    before = [entry.in_force for entry in entries]
    for entry in entries:
        entry.set_bits(None)
    try:
        yield
    finally:
        for entry, in_force in zip(entries, before, strict=True):
            entry.in_force = in_force
