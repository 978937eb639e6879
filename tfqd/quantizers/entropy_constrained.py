"""Uniform quantization with a trained step and codes that are cheap to store."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfqd import ops
from tfqd.compressed import QuantizedTensor
from tfqd.quantizers import oscillation
from tfqd.quantizers.base import assign
from tfqd.quantizers.learned_step import LearnedStepQuantizer
from tfqd.spec import EntropyConstrained
from tfqd.spec.bucketing import Bucketing
from tfqd.spec.grid import zero_code

# A largest weight so near the last level lies on it.
_ON_THE_LEVEL = 0.999

# What `EntropyConstrainedQuantizer.stretch_steps` changes.
STRETCHED = (
    "step",
    "offset",
    "step_unit",
    "code_frequency",
    "last_code",
    "mean_code",
    "held_code",
)


class EntropyConstrainedQuantizer(LearnedStepQuantizer):
    """Rounds with code lengths in view; see `tfqd.EntropyConstrained`.

    Beside the steps `build` creates variables that no gradient trains:

    * `code_frequency`, float32 [levels], by which lengths are counted: the frequencies of the
      codes at the start. Training leaves them: where they followed its codes, many weights
      lay at the borders, which gave way to them step after step,
    * `step_unit`, float32 [], a power of two about as large as the steps, which are held
      in it: an optimizer that moves all variables alike moves long and short steps by the
      same share,
    * `bit_price`, float32 [], what a bit counts in the loss; 0 until a callback sets it.

    Tensors that are all zero start as if they were drawn anew (`_as_drawn`).
    """

    spec: EntropyConstrained

    def price(self, shape: Sequence[int], weights: dict[str, Any]) -> tf.Tensor:
        """What the tensor's code counts in the loss: float32 [], `bit_price` times its bits.

        Bits are those of `code_frequency`, where training starts; `coded_bits` are those of now.
        The gradient is that of a code's length at many levels: a step twice as long
        spares each weight of its bucket one bit. It comes to the steps as that of the loss
        does, scaled alike, so that both are in balance where they are without that scale.

        Args:
            shape: the tensor's.
            weights: what `build` returned.
        """
        bucketing = self.bucketing(shape)
        bits = bucketing.size * ops.entropy(tf.convert_to_tensor(weights["code_frequency"]))
        spared = self._spared_bits(weights, bucketing)
        price = tf.convert_to_tensor(weights["bit_price"])
        return price * (tf.stop_gradient(bits + spared) - spared)

    def coded_bits(self, inputs: tf.Tensor, weights: dict[str, Any]) -> float:
        """Bits of the entropy-coded codes, as they are now.

        Args:
            inputs: the tensor's values.
            weights: what `build` returned.
        """
        codes = self.codes(inputs, weights)
        return codes.size * float(ops.entropy(ops.shares(codes, self.spec.levels)))

    def stretch_steps(
        self, factor: float, inputs: tf.Tensor, weights: dict[str, Any], settle: bool = True
    ) -> None:
        """Makes all steps `factor` times as long.

        Offsets move such that the middle code stays where it is. Weights that are frozen for
        their oscillation get the code that their own values have on the longer steps.

        Args:
            factor: positive.
            inputs: the tensor's values.
            weights: what `build` returned.
            settle: whether lengths are counted anew, by frequencies whose borders they are,
                and steps held in another unit where theirs is far from them.
        """
        step, offset = self._trained(weights, self.bucketing(inputs.shape))
        stretched = ops.stretched(step.numpy(), offset, factor, self.spec.levels)
        held = float(tf.convert_to_tensor(weights["step_unit"]))
        # An optimizer's averages and moments are in the unit that there was.
        far = settle and not 0.5 <= float(_unit(stretched[0])) / held <= 2
        assign(self._kept(*stretched, unit=None if far else held), weights)
        if settle:
            weights["code_frequency"].assign(self._frequency(inputs, weights))
        if self.spec.freeze_above is not None:
            middle, codes = zero_code(self.spec.levels), self._codes(inputs, weights)
            oscillation.stretch(factor, middle, codes, weights)

    def shortest_stretch(self, inputs: tf.Tensor, weights: dict[str, Any]) -> float:
        """The least factor of `stretch_steps` that has no more weights clipped: at most 1.

        It puts the tensor's largest weight on the last level; 1 where it lies there, or
        beyond, already.

        Args:
            inputs: the tensor's values.
            weights: what `build` returned.
        """
        bucketing = self.bucketing(inputs.shape)
        steps = self._trained(weights, bucketing)
        inputs = self._as_drawn(inputs)
        least = ops.shortest_stretch(
            inputs, *steps, bucketing, self.spec.levels, self._ends(weights)
        )
        return least if 0 < least < _ON_THE_LEVEL else 1.0

    def most_bits(self, bits: int, inputs: tf.Tensor) -> float:
        """Bits of the entropy-coded codes with the shortest start of `bits` a code.

        Args:
            bits: 2 to 8; where the spec cannot have as many, the most that it can.
            inputs: the tensor's values.
        """
        bucketing, drawn = self.bucketing(inputs.shape), self._as_drawn(inputs)
        bits = min(bits, self.spec.widest_code)
        levels = dataclasses.replace(self.spec, bits=bits, average_bits=bits).levels
        scaling, rate_weight = self.spec.scaling, self.spec.rate_weight
        steps = ops.steps_of_entropy(drawn, bucketing, levels, scaling, rate_weight, bits)
        frequency = ops.settled_frequency(drawn, *steps, bucketing, levels, rate_weight)
        return bucketing.size * float(ops.entropy(frequency))

    def restore(self, stored: QuantizedTensor, weights: dict[str, Any]) -> None:
        weights["step_unit"].assign(_unit(stored.scale / self._intervals))
        super().restore(stored, weights)
        weights["code_frequency"].assign(ops.shares(stored.codes, self.spec.levels))

    def _roles(self, bucketing: Bucketing) -> dict[str, tuple[tuple[int, ...], bool]]:
        own = {
            "code_frequency": ((self.spec.levels,), False),
            "step_unit": ((), False),
            "bit_price": ((), False),
        }
        return {**super()._roles(bucketing), **own}

    def _pace(self, weights: dict[str, Any]):
        unit = tf.convert_to_tensor(weights["step_unit"])
        return self.spec.learning_rate_multiplier * unit

    def _first_steps(self, inputs: tf.Tensor, bucketing: Bucketing):
        spec = self.spec
        arguments = (spec.levels, spec.scaling, spec.rate_weight, spec.average_bits)
        return ops.steps_of_entropy(self._as_drawn(inputs), bucketing, *arguments)

    def _spared_bits(self, weights: dict[str, Any], bucketing: Bucketing) -> tf.Tensor:
        step, _ = self._trained(weights, bucketing)
        return ops.bits_spared_by_steps(step, bucketing)

    def _as_drawn(self, inputs: tf.Tensor) -> tf.Tensor:
        """The tensor or, where all of it is zero, numbers of the size that training may give it.

        These are normal, of a variance of one over the weights of an output.
        """
        if np.any(inputs):
            return inputs
        rank = inputs.shape.rank
        axes = [axis for axis in self.channel_axes if -rank <= axis < rank]
        outputs = math.prod(inputs.shape[axis] for axis in axes)
        drawn = tf.random.stateless_normal(inputs.shape, seed=(0, 0))
        return drawn * math.sqrt(outputs / inputs.shape.num_elements())

    def _kept(
        self, step: np.ndarray, offset: np.ndarray | None, unit: float | None = None
    ) -> dict[str, np.ndarray]:
        held = _unit(step) if unit is None else np.asarray(unit, np.float32)
        shorter = None if offset is None else offset / held
        return {**super()._kept(step / held, shorter), "step_unit": held}

    def _start(self, inputs: tf.Tensor | None, shape) -> dict[str, np.ndarray]:
        start = {**super()._start(inputs, shape), **self._first_levels()}
        start["bit_price"] = np.zeros((), np.float32)
        start["code_frequency"] = np.full(self.spec.levels, 1 / self.spec.levels, np.float32)
        if inputs is not None:
            start["code_frequency"] = self._frequency(inputs, start)
        return start

    def _frequency(self, inputs, weights) -> np.ndarray:
        bucketing, spec = self.bucketing(inputs.shape), self.spec
        steps = self._trained(weights, bucketing)
        inputs = self._as_drawn(inputs)
        return ops.settled_frequency(inputs, *steps, bucketing, spec.levels, spec.rate_weight)

    def _first_levels(self) -> dict[str, np.ndarray]:
        """What variables of levels that are trained hold at first."""
        return {}

    def _ends(self, weights: dict[str, Any]) -> tuple[float, float]:
        """The first and the last level, in steps from the middle code."""
        zero = zero_code(self.spec.levels)
        return -zero, self.spec.levels - 1 - zero

    def _border(self, weights: dict[str, Any], bucketing: Bucketing) -> tf.Tensor:
        frequency = tf.convert_to_tensor(weights["code_frequency"])
        return ops.borders(frequency, bucketing.size, self.spec.rate_weight)


def _unit(step: np.ndarray) -> np.ndarray:
    """The power of two next to the steps' geometric mean: float32 []."""
    exponent = np.round(np.mean(np.log2(np.maximum(np.abs(step), 1e-30))))
    return np.asarray(2.0**exponent, np.float32)
