"""Uniform quantization with a trained step and offset."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfqd import ops
from tfqd.compressed import QuantizedTensor
from tfqd.quantizers.base import Quantizer, assign
from tfqd.quantizers.trained import kept, trained
from tfqd.spec import LearnedStep
from tfqd.spec.bucketing import Bucketing
from tfqd.spec.grid import zero_code


class LearnedStepQuantizer(Quantizer):
    """Rounds a tensor to a grid with trained steps; see `tfqd.LearnedStep`.

    `build` creates one step a bucket, and with affine scaling one offset, as
    trainable float32 variables of shape [buckets]. They start from the weights'
    mean absolute value, as LSQ's do; at 1 and 0 as long as no value is known.
    """

    spec: LearnedStep

    @property
    def follows_weights(self) -> bool:
        return False

    def build(self, tensor_shape, name: str, layer, value=None) -> dict[str, Any]:
        roles = self._roles(self.bucketing(tensor_shape))

        def start(known):
            return self._start(known, tensor_shape)

        state = self._created(roles, start, value, name, layer)
        return {**state, **self._observed(tensor_shape, name, layer)}

    def _roles(self, bucketing: Bucketing) -> dict[str, tuple[tuple[int, ...], bool]]:
        """Shape of each variable, and whether it is trained."""
        roles = ("step", "offset") if self.spec.scaling == "affine" else ("step",)
        return dict.fromkeys(roles, ((bucketing.count,), True))

    def initialize(self, inputs: tf.Tensor, weights: dict[str, Any], sensitivity=None) -> None:
        super().initialize(inputs, weights, sensitivity)
        assign(self._start(inputs, inputs.shape), weights)

    def _start(self, inputs: tf.Tensor | None, shape) -> dict[str, np.ndarray]:
        """What the variables hold at first."""
        spec, bucketing = self.spec, self.bucketing(shape)
        if inputs is None:
            step = np.ones(bucketing.count, np.float32)
            offset = -zero_code(spec.levels) * step if spec.scaling == "affine" else None
        else:
            step, offset = self._first_steps(inputs, bucketing)
        return self._kept(step, offset)

    def _first_steps(self, inputs: tf.Tensor, bucketing: Bucketing):
        """The steps and offsets that suit the weights."""
        return ops.start_of_steps(inputs, bucketing, self.spec.levels, self.spec.scaling)

    def _kept(self, step: np.ndarray, offset: np.ndarray | None) -> dict[str, np.ndarray]:
        """What the variables hold for these steps and offsets."""
        values = {"step": step} if offset is None else {"step": step, "offset": offset}
        return {role: kept(v, self.spec.learning_rate_multiplier) for role, v in values.items()}

    @property
    def _intervals(self) -> float:
        """How many steps long a stored scale is."""
        levels = self.spec.levels
        return levels - 1 if self.spec.scaling == "affine" else zero_code(levels)

    def restore(self, stored: QuantizedTensor, weights: dict[str, Any]) -> None:
        pace = float(self._pace(weights))
        weights["step"].assign(kept(stored.scale, pace, self._intervals))
        if stored.offset is not None:
            weights["offset"].assign(kept(stored.offset, pace))

    def __call__(self, inputs, training, weights: dict[str, Any], **kwargs) -> tf.Tensor:
        inputs, bucketing = self._taken(inputs), self.bucketing(inputs.shape)
        frozen = self._frozen_after(inputs, training, weights)
        step, offset = self._trained(weights, bucketing)
        levels, border = self.spec.levels, self._border(weights, bucketing)
        return ops.learned_step(inputs, step, offset, bucketing, levels, frozen, border)

    def stored(
        self, inputs: tf.Tensor, weights: dict[str, Any], frozen: tf.Tensor | None = None
    ) -> ops.Codes:
        bucketing = self.bucketing(inputs.shape)
        step, offset = self._trained(weights, bucketing)
        levels, border = self.spec.levels, self._border(weights, bucketing)
        return ops.learned_step_codes(inputs, step, offset, bucketing, levels, frozen, border)

    def _border(self, weights: dict[str, Any], bucketing: Bucketing) -> tf.Tensor | None:
        """Where codes change; see `tfqd.ops.entropy`."""
        return None

    def is_inside(self, inputs: tf.Tensor, weights: dict[str, Any]) -> tf.Tensor:
        bucketing = self.bucketing(inputs.shape)
        step, offset = self._trained(weights, bucketing)
        return ops.within_ends(inputs, step, offset, bucketing, self.spec.levels)

    def _pace(self, weights: dict[str, Any]):
        """How many times faster than their variables steps and offsets move."""
        return self.spec.learning_rate_multiplier

    def _trained(self, weights, bucketing) -> tuple[tf.Tensor, tf.Tensor | None]:
        """The steps and offsets, with their gradients as the spec scales them."""
        spec = self.spec
        scale: float | np.ndarray = 1.0
        if spec.gradient_scale == "lsq":
            scale = ops.step_gradient_scale(bucketing, spec.levels, spec.scaling)
        step, offset = (
            trained(weights[role], self._pace(weights), scale) if role in weights else None
            for role in ("step", "offset")
        )
        return step, offset
