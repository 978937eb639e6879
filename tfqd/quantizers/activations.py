"""The quantizer of an activation: a range of integers, with its ends as variables.

Ends are kept in a unit that `calibrated` sets once, the width of the range that the
activations were seen to have: an optimizer that moves weights by a thousandth moves ends by
a thousandth of their range, whatever the activations are.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfqd import ops
from tfqd.spec import Activations

# Of `ranges="moving"`, the share that each batch leaves as it was.
_MOMENTUM = 0.99
# The integers of 8 bits on either side of 0.
_BELOW, _ABOVE = 128, 127


class ActivationQuantizer:
    """Rounds activations to a grid of integers on which 0 lies.

    Args:
        spec: bits, and where the ends come from.
        positive: whether a ReLU has made the activations: the lower end is 0.
        fixed: None, or the ends that a kernel knows no others than: nothing is
            observed or trained.
    """

    def __init__(
        self, spec: Activations, positive: bool = False, fixed: tuple[float, float] | None = None
    ):
        self.spec, self.positive, self.fixed = spec, positive, fixed

    @property
    def bits(self) -> int:
        """Of the grid."""
        if self.fixed is not None:
            return 8
        return self.spec.bits if self.positive else self.spec.signed_bits

    def with_bits(self, bits: int) -> "ActivationQuantizer":
        """The quantizer of the same range and variables with `bits`, but no fewer than its own."""
        if bits <= self.bits:
            return self
        spec = dataclasses.replace(self.spec, bits=bits, signed_bits=bits)
        return ActivationQuantizer(spec, self.positive, self.fixed)

    @property
    def steps(self) -> int:
        """Between the ends of the range."""
        return 2**self.bits - 1

    @property
    def _one_end(self) -> bool:
        """Whether the lower end follows from the upper one."""
        return self.positive or self.spec.scaling == "symmetric"

    def build(self, layer: Any) -> dict[str, Any]:
        """Creates the variables: float32 scalars by role, of which ``unit`` is 0 until calibrated.

        Args:
            layer: whatever has Keras' ``add_weight``.
        """
        if self.fixed is not None:
            return {}
        ends = {"high": 1.0} if self._one_end else {"low": 0.0, "high": 1.0}
        trained = self.spec.ranges == "trained"

        def scalar(role: str, start: float, trainable: bool):
            return layer.add_weight(
                name=role,
                shape=(),
                dtype="float32",
                initializer=lambda shape, dtype=None, **_: tf.constant(start),
                trainable=trainable,
            )

        state = {role: scalar(role, start, trained) for role, start in ends.items()}
        return {**state, "unit": scalar("unit", 0.0, False)}

    def __call__(
        self, inputs: tf.Tensor, training: Any, state: Mapping[str, Any], inside: bool = False
    ) -> tf.Tensor:
        """The activations on the grid, with gradients to them and to trained ends.

        Args:
            inputs: float32, examples along the first axis.
            training: whether this is a training step (bool or None).
            state: what `build` returned.
            inside: whether they lie between the ends by themselves.
        """
        if training and self.spec.ranges == "moving" and self.fixed is None:
            self._follow(inputs, state)
        clips_below = not (self.positive or inside)
        return ops.fake_quantize(inputs, *self.ends(state), self.steps, clips_below)

    def ends(self, state: Mapping[str, Any]) -> tuple[tf.Tensor, tf.Tensor]:
        """The lower and the upper end: float32 scalars."""
        if self.fixed is not None:
            return tf.constant(self.fixed[0]), tf.constant(self.fixed[1])
        values = {role: tf.convert_to_tensor(variable) for role, variable in state.items()}
        high = tf.abs(values["high"]) * values["unit"]
        if "low" in values:
            return -tf.abs(values["low"]) * values["unit"], high
        return (tf.zeros(()) if self.positive else high * (-_BELOW / _ABOVE)), high

    def start(self, values: np.ndarray) -> tuple[float, float]:
        """The ends that activations such as these start with.

        Args:
            values: float32 [n], n at least 1.
        """
        if self.spec.start == "percentile":
            low, high = ops.percentile_ends(values, self.spec.percentile)
        elif self.spec.start == "minmax":
            low, high = ops.minmax_ends(values)
        elif self._one_end and not self.positive:
            low, high = ops.mse_ends(np.abs(values), _ABOVE)
        else:
            low, high = ops.mse_ends(values, self.steps)
        if self._one_end:
            low, high = 0.0, high if self.positive else max(high, -low * _ABOVE / _BELOW)
        return low, high

    def calibrated(self, low: float, high: float) -> dict[str, float]:
        """What the variables hold for these ends, by role.

        Ends that enclose nothing, of activations that were 0 throughout, become 0 and 1.
        """
        if high <= low:
            low, high = 0.0, 1.0
        unit = high - low
        held = {"low": low / unit, "high": high / unit, "unit": unit}
        if self._one_end:
            del held["low"]
        return held

    def _follow(self, inputs: tf.Tensor, state: Mapping[str, Any]) -> None:
        """Moves the ends towards those of a batch."""
        unit = tf.convert_to_tensor(state["unit"])
        low = tf.minimum(tf.reduce_min(inputs), 0.0) / unit
        high = tf.maximum(tf.reduce_max(inputs), 0.0) / unit
        if self._one_end and not self.positive:
            high = tf.maximum(high, -low * (_ABOVE / _BELOW))
        for role, end in {"low": low, "high": high}.items():
            if role in state:
                before = tf.convert_to_tensor(state[role])
                state[role].assign(_MOMENTUM * before + (1 - _MOMENTUM) * end)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as plain JSON values; `from_config` reads them."""
        fixed = None if self.fixed is None else list(self.fixed)
        return {"spec": self.spec.to_dict(), "positive": self.positive, "fixed": fixed}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "ActivationQuantizer":
        """The quantizer of which `get_config` told."""
        fixed = None if config["fixed"] is None else tuple(config["fixed"])
        return cls(Activations(**config["spec"]), config["positive"], fixed)
