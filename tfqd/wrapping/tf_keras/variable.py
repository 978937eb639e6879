"""A quantized variable of tf_keras."""

import functools
from collections.abc import Callable

import tensorflow as tf
import tf_keras

from tfqd.quantizers import Quantizer
from tfqd.wrapping import quantized
from tfqd.wrapping.tf_keras.attributes import HeldVariable
from tfqd.wrapping.tf_keras.insides import autocast_variable


class AttributeVariable(quantized.QuantizedVariable):
    """A tf_keras variable with its quantizer.

    Args:
        held: the float variable, with the layer that holds it.
        quantizer: what its spec asks for.
        state: the quantizer's own variables by role.
        path: layer and attributes that hold it, as in ``lstm/cell/kernel``.
        layer: that the losses on it are to be added to.
    """

    variable: tf.Variable

    def __init__(self, held: HeldVariable, quantizer: Quantizer, state: dict, path: str, layer):
        super().__init__(held.variable, quantizer, state)
        self.holder = held.holder
        self._path = path
        self._layer = layer
        self._penalties: dict[str, Callable[[], tf.Tensor]] = {}

    @property
    def path(self) -> str:
        return self._path

    def value(self) -> tf.Tensor:
        return float_value(self.variable)

    def add_penalty(self, kind: str, penalty: Callable[[], tf.Tensor]) -> Callable[[], None]:
        if kind in self._penalties:
            self._take_away(kind, self._penalties[kind])
        self._penalties[kind] = penalty
        self._layer._callable_losses.append(penalty)
        return functools.partial(self._take_away, kind, penalty)

    def _take_away(self, kind: str, penalty: Callable[[], tf.Tensor]) -> None:
        if self._penalties.get(kind) is penalty:
            del self._penalties[kind]
            self._layer._callable_losses.remove(penalty)

    def distance(self) -> tf.Tensor:
        with as_stored():
            return super().distance()

    def quantize(self, training) -> tf.Tensor:
        with as_stored():
            return super().quantize(training)

    def encode(self):
        with as_stored():
            return super().encode()

    def codes(self):
        with as_stored():
            return super().codes()


def variables_of(layer: tf_keras.layers.Layer) -> list[tf.Variable]:
    """The layer's variables; a vocabulary is among tf_keras' weights too."""
    return [weight for weight in layer.weights if isinstance(weight, tf.Variable)]


def as_stored():
    """A scope in which variables are read as they are, not in the compute dtype."""
    return autocast_variable.enable_auto_cast_variables(None)


def float_value(variable: tf.Variable) -> tf.Tensor:
    """The variable's own value, float32, as the quantizers take it."""
    with as_stored():
        return tf.cast(tf.convert_to_tensor(variable), tf.float32)
