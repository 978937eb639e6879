"""Quantized variables and where to find them, in any Keras version."""

import abc
from typing import Any

import tensorflow as tf

from tfqd.quantizers import Quantizer, quantizer_for
from tfqd.quantizers.base import Encoding
from tfqd.spec import uniform_like


class QuantizedVariable(abc.ABC):
    """A variable with its quantizer and the quantizer's own variables by role.

    variable: the float variable, of Keras 3 or tf_keras.
    quantizer: what its spec asks for.
    state: the quantizer's own variables by role.
    active: the quantizer in force: `quantizer`, unless a schedule trains with
        other bits for a while (`set_bits`); None leaves the variable float.
    """

    def __init__(self, variable, quantizer: Quantizer, state: dict[str, Any]):
        self.variable = variable
        self.quantizer = quantizer
        self.state = state
        self.active: Quantizer | None = quantizer

    @property
    @abc.abstractmethod
    def path(self) -> str:
        """The name that patterns of a selection are matched against."""

    @abc.abstractmethod
    def value(self) -> tf.Tensor:
        """The variable's own value, float32, as the quantizers take it."""

    @property
    def bits(self) -> int | None:
        """Bits per weight in force; None for float."""
        return None if self.active is None else self.active.spec.bits

    def set_bits(self, bits: int | None) -> None:
        """Puts `bits`, but no fewer than the spec's own, in force; None for float.

        With more bits than its own a variable is rounded to a uniform grid in
        the same buckets. Graphs that were traced before do not change.
        """
        own = self.quantizer
        if bits is None:
            self.active = None
            return
        uniform = uniform_like(own.spec, bits)
        finer = uniform.bits > own.spec.bits
        self.active = quantizer_for(uniform, own.channel_axes) if finer else own

    def initialize(self, sensitivity: tf.Tensor | None = None) -> None:
        """Sets the quantizer's variables to what suits the variable as it is now.

        Args:
            sensitivity: see `tfqd.quantizers.Quantizer.initialize`.
        """
        self.quantizer.initialize(self.value(), self.state, sensitivity)

    def quantize(self, training) -> tf.Tensor:
        """The variable's quantized value, float32."""
        value = self.value()
        return value if self.active is None else self.active(value, training, self.state)

    def encode(self) -> Encoding | None:
        """The variable's codes, scales, offsets and points (eagerly); None for float."""
        return None if self.active is None else self.active.encode(self.value(), self.state)


def is_quantized(model) -> bool:
    """Whether it is a model or layer, of Keras 3 or tf_keras, with quantized variables."""
    return hasattr(model, "_flatten_layers") and bool(find_quantized(model))


def find_quantized(model) -> list[QuantizedVariable]:
    """All quantized variables in a model or layer, in the model's order.

    Args:
        model: of Keras 3 or tf_keras.
    """
    found = {
        id(quantized): quantized
        for layer in model._flatten_layers()
        for quantized in getattr(layer, "quantized_variables", ())
    }
    return list(found.values())
