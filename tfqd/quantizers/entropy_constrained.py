"""Uniform quantization with a trained step and codes that are cheap to store."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfqd import ops
from tfqd.compressed import QuantizedTensor
from tfqd.quantizers.learned_step import LearnedStepQuantizer
from tfqd.spec import EntropyConstrained
from tfqd.spec.bucketing import Bucketing

# What the codes of a training step count in the tracked frequencies.
_MOMENTUM = 0.1


class EntropyConstrainedQuantizer(LearnedStepQuantizer):
    """Rounds with code lengths in view; see `tfqd.EntropyConstrained`.

    Beside the steps `build` creates the frequency of each code, float32 [levels], which
    every training step moves towards that of its own codes, and `rate_weight`, float32
    [], which is the spec's until `set_rate_weight`. Neither is trained by gradients.
    """

    spec: EntropyConstrained

    def set_rate_weight(self, value: float, inputs: tf.Tensor, weights: dict[str, Any]) -> None:
        """Lets a bit of length count `value`, and makes frequencies those of the new codes.

        Args:
            value: not negative, in squares of the step.
            inputs: the tensor's values.
            weights: what `build` returned.
        """
        weights["rate_weight"].assign(value)
        self._settle(inputs, weights)

    def stretch_steps(self, factor: float, inputs: tf.Tensor, weights: dict[str, Any]) -> None:
        """Makes all steps `factor` times as long; offsets move such that 0 stays where it is.

        The arguments are those of `set_rate_weight`.
        """
        bucketing = self.bucketing(inputs.shape)
        step, offset = self._trained(weights, bucketing)
        stretched = ops.stretched(step.numpy(), offset, factor, self.spec.levels)
        self._assign(weights, self._kept(*stretched))
        self._settle(inputs, weights)

    def restore(self, stored: QuantizedTensor, weights: dict[str, Any]) -> None:
        super().restore(stored, weights)
        weights["code_frequency"].assign(ops.shares(stored.codes, self.spec.levels))

    def __call__(self, inputs, training, weights: dict[str, Any], **kwargs) -> tf.Tensor:
        quantized = super().__call__(inputs, training, weights, **kwargs)
        if training is None or training is False:
            return quantized
        frequency = tf.convert_to_tensor(weights["code_frequency"])
        codes = self._stored(tf.stop_gradient(inputs), weights, self._held(weights)).codes
        moved = frequency + _MOMENTUM * (ops.shares(codes, self.spec.levels) - frequency)
        if training is not True:
            moved = tf.where(tf.cast(training, tf.bool), moved, frequency)
        weights["code_frequency"].assign(tf.stop_gradient(moved))
        return quantized

    def _roles(self, bucketing: Bucketing) -> dict[str, tuple[tuple[int, ...], bool]]:
        own = {"code_frequency": ((self.spec.levels,), False), "rate_weight": ((), False)}
        return {**super()._roles(bucketing), **own}

    def _first_steps(self, inputs: tf.Tensor, bucketing: Bucketing):
        spec = self.spec
        arguments = (spec.levels, spec.scaling, spec.rate_weight, spec.average_bits)
        return ops.steps_of_entropy(inputs, bucketing, *arguments)

    def _start(self, inputs: tf.Tensor | None, shape) -> dict[str, np.ndarray]:
        spec, start = self.spec, super()._start(inputs, shape)
        start["rate_weight"] = np.float32(spec.rate_weight)
        start["code_frequency"] = np.full(spec.levels, 1 / spec.levels, np.float32)
        if inputs is not None:
            start["code_frequency"] = self._frequency(inputs, start, spec.rate_weight)
        return start

    def _settle(self, inputs, weights) -> None:
        rate_weight = tf.convert_to_tensor(weights["rate_weight"])
        weights["code_frequency"].assign(self._frequency(inputs, weights, rate_weight))

    def _frequency(self, inputs, weights, rate_weight) -> np.ndarray:
        bucketing = self.bucketing(inputs.shape)
        steps = self._trained(weights, bucketing)
        return ops.settled_frequency(inputs, *steps, bucketing, self.spec.levels, rate_weight)

    def _border(self, weights: dict[str, Any], bucketing: Bucketing) -> tf.Tensor:
        frequency = tf.convert_to_tensor(weights["code_frequency"])
        return ops.borders(frequency, bucketing.size, tf.convert_to_tensor(weights["rate_weight"]))
