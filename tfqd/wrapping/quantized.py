"""Quantized variables and where to find them, in any Keras version."""

import abc
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfqd.compressed import QuantizedTensor
from tfqd.quantizers import Quantizer, quantizer_for
from tfqd.quantizers.oscillation import THRESHOLD
from tfqd.spec import uniform_like
from tfqd.spec.checks import checked_bits
from tfqd.wrapping.layers import all_layers, has_layers


class QuantizedVariable(abc.ABC):
    """A variable with its quantizer and the quantizer's own variables by role.

    variable: the float variable, of Keras 3 or tf_keras.
    quantizer: what its spec asks for.
    state: the quantizer's own variables by role.
    in_force: the quantizer that is used: `quantizer`, unless a schedule trains with
        other bits for a while (`set_bits`); None leaves the variable float.
    holds_zeros: whether weights that are zero get no gradient.
    whole: where weights were pruned away, the variable's value with them in it: a
        tensor of the variable's type and shape; else None.
    lost: where `whole` knows nothing of a pruned weight, which was zero when the training
        with `tfqd.callbacks.Prune` began: bool, the variable's shape; None as `whole`.
    own: the variable of `tfqd.unpruned` that counts where this one is zero; else None.
    """

    def __init__(self, variable, quantizer: Quantizer, state: dict[str, Any]):
        self.variable = variable
        self.quantizer = quantizer
        self.state = state
        self.in_force: Quantizer | None = quantizer
        self.holds_zeros = False
        self.whole: tf.Variable | None = None
        self.lost: tf.Tensor | None = None
        self.own: Any = None

    @property
    @abc.abstractmethod
    def path(self) -> str:
        """The name that patterns of a selection are matched against."""

    @abc.abstractmethod
    def value(self) -> tf.Tensor:
        """The variable's own value, float32, as the quantizers take it."""

    @abc.abstractmethod
    def add_penalty(self, kind: str, penalty: Callable[[], tf.Tensor]) -> Callable[[], None]:
        """Makes a penalty part of the loss that the variable is trained on.

        Args:
            kind: there is one penalty of a kind, in place of what an interrupted fit has left.
            penalty: gives a float32 scalar; called while a step is traced.

        Returns:
            What takes the penalty away again.
        """

    @property
    def size(self) -> int:
        """Number of weights."""
        return math.prod(self.variable.shape)

    @property
    def bits(self) -> int | None:
        """Bits per weight in force; None for float."""
        return None if self.in_force is None else self.in_force.spec.bits

    def set_bits(self, bits: int | None) -> None:
        """Puts `bits`, but no fewer than the spec's own, in force; None for float.

        With more bits than its own a variable is rounded to a uniform grid in
        the same buckets. Graphs that were traced before do not change.
        """
        own = self.quantizer
        if bits is None:
            self.in_force = None
        elif checked_bits(bits) <= own.spec.bits:
            self.in_force = own
        else:
            self.in_force = quantizer_for(uniform_like(own.spec, bits), own.channel_axes)

    def initialize(self, sensitivity: tf.Tensor | None = None) -> None:
        """Sets the quantizer's variables to what suits the variable as it is now.

        Args:
            sensitivity: see `tfqd.quantizers.Quantizer.initialize`.
        """
        self.quantizer.initialize(self.value(), self.state, sensitivity)

    def quantize(self, training) -> tf.Tensor:
        """The variable's quantized value, float32."""
        value = self.value()
        if self.holds_zeros:
            value = tf.where(value == 0, 0.0, value)
        return value if self.in_force is None else self.in_force(value, training, self.state)

    def distance(self) -> tf.Tensor:
        """Half the squared distance of the variable from its quantized value, float32.

        1/2 ||clip(w) - q(w)||^2 (Nagel et al. 2022, arXiv 2203.11086). Its gradient
        goes to the weights w alone. 0 while the variable is float.
        """
        if self.in_force is None:
            return tf.zeros(())
        value = self.value()
        levels = tf.stop_gradient(self.in_force(value, False, self.state))
        inside = self.in_force.is_inside(tf.stop_gradient(value), self.state)
        return tf.reduce_sum(tf.where(inside, tf.square(value - levels), 0.0)) / 2

    @property
    def held_codes(self) -> tf.Tensor | None:
        """Which weights are frozen for their oscillation: bool; None where none can be."""
        if self.in_force is not self.quantizer or self.quantizer.spec.freeze_above is None:
            return None
        return tf.convert_to_tensor(self.state["held_code"]) >= 0

    def freeze_above(self, frequency: float) -> None:
        """Freezes weights that oscillate more often from now on, where its spec lets it."""
        self.state[THRESHOLD].assign(frequency)

    def encode(self) -> QuantizedTensor | None:
        """What is stored of the variable (eagerly); None for float."""
        return None if self.in_force is None else self.in_force.encode(self.value(), self.state)

    def codes(self) -> np.ndarray | None:
        """The level of each weight (eagerly): uint8; None for float."""
        return None if self.in_force is None else self.in_force.codes(self.value(), self.state)


def model_repr(model, entries: Sequence[QuantizedVariable]) -> str:
    """A model as it is shown at the prompt: how many of its variables are quantized, and how."""
    specs = dict.fromkeys(repr(entry.quantizer.spec) for entry in entries)
    shown = ", ".join([*specs][:3]) + (", ..." if len(specs) > 3 else "")
    return f"<{type(model).__name__} {model.name!r}: {len(entries)} variables quantized by {shown}>"


def is_quantized(model) -> bool:
    """Whether it is a model or layer, of Keras 3 or tf_keras, with quantized variables."""
    return has_layers(model) and bool(find_quantized(model))


def find_quantized(model) -> list[QuantizedVariable]:
    """All quantized variables in a model or layer, in the model's order.

    Args:
        model: of Keras 3 or tf_keras.
    """
    found = {
        id(quantized): quantized
        for layer in all_layers(model)
        for quantized in getattr(layer, "quantized_variables", ())
    }
    return list(found.values())
