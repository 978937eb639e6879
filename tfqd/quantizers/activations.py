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
from tfqd.spec import WIDE_BITS, Activations

# The share of a moving range that each batch leaves as it was.
_MOMENTUM = 0.99


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
        """Bits of the grid that activations are rounded to."""
        if self.fixed is not None:
            return max(8, self.spec.bits)
        return self.spec.bits if self.positive else self.spec.signed_bits

    def with_bits(self, bits: int) -> "ActivationQuantizer":
        """The quantizer of the same range and variables with `bits`, but no fewer than its own."""
        if bits <= self.bits:
            return self
        spec = dataclasses.replace(self.spec, bits=bits, signed_bits=bits)
        return ActivationQuantizer(spec, self.positive, self.fixed)

    @property
    def steps(self) -> int:
        """Number of steps between the ends of the range."""
        one_sign = self.bits == WIDE_BITS and self.fixed is not None and self.fixed[0] == 0
        return self._above if one_sign else 2**self.bits - 1

    @property
    def _from_zero(self) -> bool:
        """Whether 0 is the lower end."""
        return self.positive and self.spec.scaling == "affine"

    @property
    def _one_end(self) -> bool:
        """Whether the lower end follows from the upper one."""
        return self._from_zero or self.spec.scaling == "symmetric"

    @property
    def _above(self) -> int:
        """The integers above 0 of a symmetric range; below it there is one more."""
        return 2 ** (self.bits - 1) - 1

    def _clips_below(self, inside: bool) -> bool:
        """Whether activations may lie below the lower end."""
        return not (self.positive or inside or self.fixed)

    def build(self, layer: Any, mean: Any = None) -> dict[str, Any]:
        """Creates the variables: float32 scalars by role, of which ``unit`` is 0 until calibrated.

        Args:
            layer: whatever has Keras' ``add_weight``.
            mean: what that takes for ``aggregation`` where replicas are to assign the mean of
                theirs; None where there is only one.
        """
        if self.fixed is not None:
            return {}
        ends = {"high": 1.0} if self._one_end else {"low": 0.0, "high": 1.0}
        trained = self.spec.ranges == "trained"
        # Replicas see other examples, and are to follow one range.
        is_shared = self.spec.ranges == "moving" and mean is not None
        shared = {"aggregation": mean} if is_shared else {}

        def scalar(role: str, start: float, trainable: bool, **options):
            return layer.add_weight(
                name=role,
                shape=(),
                dtype="float32",
                initializer=lambda shape, dtype=None, **_: tf.constant(start),
                trainable=trainable,
                **options,
            )

        state = {role: scalar(role, start, trained, **shared) for role, start in ends.items()}
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
        return ops.fake_quantize(inputs, *self.ends(state), self.steps, self._clips_below(inside))

    def in_floats(
        self, inputs: tf.Tensor, state: Mapping[str, Any], inside: bool = False
    ) -> tf.Tensor:
        """The activations as operators of floats leave them: raised to the range, not rounded.

        Args:
            inputs: float32.
            state: what `build` returned.
            inside: whether they lie between the ends by themselves.
        """
        ends = self.ends(state)
        return ops.raised_to_range(inputs, *ends, self.steps, self._clips_below(inside))

    def in_bytes(self, inputs: tf.Tensor, state: Mapping[str, Any]) -> tf.Tensor:
        """The activations of 16 bits on 8, for TensorFlow's converter, which knows these alone.

        They have 256 steps of the grid, but where the ends are fixed, those of kernels of 8 bits.

        Args:
            inputs: float32.
            state: what `build` returned.
        """
        low, high = self.ends(state)
        if self.fixed is None:
            step = (high - low) / self.steps
            low, high = -128 * step, 127 * step
        else:
            high = 1 - (1 - low) / 256
        return ops.fake_quantize(inputs, low, high, 255)

    def ends(self, state: Mapping[str, Any]) -> tuple[tf.Tensor, tf.Tensor]:
        """The lower and the upper end: float32 scalars."""
        if self.fixed is not None:
            return tf.constant(self.fixed[0]), tf.constant(self.fixed[1])
        values = {role: tf.convert_to_tensor(variable) for role, variable in state.items()}
        high = _size(values["high"]) * values["unit"]
        if "low" in values:
            return -_size(values["low"]) * values["unit"], high
        return (tf.zeros(()) if self._from_zero else -high * (1 + 1 / self._above)), high

    def start(self, values: np.ndarray) -> tuple[float, float]:
        """The ends that activations such as these start with.

        Args:
            values: float32 [n], n at least 1.
        """
        if self.spec.start == "percentile":
            low, high = ops.percentile_ends(values, self.spec.percentile)
        elif self.spec.start == "minmax":
            low, high = ops.minmax_ends(values)
        elif self._one_end and not self._from_zero:
            low, high = ops.mse_ends(np.abs(values), self._above)
        else:
            low, high = ops.mse_ends(values, self.steps)
        if self._one_end:
            low, high = 0.0, high if self._from_zero else max(high, -low / (1 + 1 / self._above))
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
        if self._one_end and not self._from_zero:
            high = tf.maximum(high, -low / (1 + 1 / self._above))
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


def _size(end: tf.Tensor) -> tf.Tensor:
    """As tf.abs, whose gradient at 0 is 0: an end that starts there would stay."""
    return tf.where(end < 0, -end, end)
