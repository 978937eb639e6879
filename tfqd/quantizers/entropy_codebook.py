"""Trained points whose codes are chosen with their length in view."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfqd import ops
from tfqd.compressed import QuantizedTensor
from tfqd.quantizers.entropy_constrained import EntropyConstrainedQuantizer
from tfqd.quantizers.trained import kept, trained
from tfqd.spec import EntropyCodebook
from tfqd.spec.bucketing import Bucketing
from tfqd.spec.grid import LARGEST_INTEGER, zero_code


class EntropyCodebookQuantizer(EntropyConstrainedQuantizer):
    """Moves weights to trained points, with code lengths in view; see `tfqd.EntropyCodebook`.

    Beside what `EntropyConstrainedQuantizer` creates, `build` creates `points`, float32
    [levels], trained: their sizes, in units of the steps. On a grid they are rounded where
    they are used.
    """

    spec: EntropyCodebook

    def __call__(self, inputs, training, weights: dict[str, Any], **kwargs) -> tf.Tensor:
        inputs = self._taken(inputs)
        options = self._options(weights, self.bucketing(inputs.shape))
        frozen = self._frozen_after(inputs, training, weights)
        return ops.codebook(inputs, **options, frozen=frozen, training=training is True)

    def stored(
        self, inputs: tf.Tensor, weights: dict[str, Any], frozen: tf.Tensor | None = None
    ) -> ops.Codes:
        options = self._options(weights, self.bucketing(inputs.shape))
        return ops.codebook_codes(inputs, **options, frozen=frozen)

    def _codes(self, inputs, weights: dict[str, Any]) -> tf.Tensor:
        options = self._options(weights, self.bucketing(inputs.shape))
        return ops.codebook_codes(inputs, **options, training=True).codes

    def is_inside(self, inputs: tf.Tensor, weights: dict[str, Any]) -> tf.Tensor:
        return tf.ones_like(inputs, tf.bool)

    def restore(self, stored: QuantizedTensor, weights: dict[str, Any]) -> None:
        if stored.points is None:
            raise ValueError(f"a tensor of {self.spec} must have points; it has none")
        sizes = np.abs(stored.points) * np.float32(self.spec.point_unit)
        weights["points"].assign(kept(sizes, self.spec.learning_rate_multiplier))
        super().restore(stored, weights)

    def _options(self, weights: dict[str, Any], bucketing: Bucketing) -> dict[str, Any]:
        """What the ops of codebooks take."""
        step, _ = self._trained(weights, bucketing)
        points = self._points(weights, bucketing.size)
        frequency = tf.convert_to_tensor(weights["code_frequency"])
        ascending = tf.sort(tf.stop_gradient(points))
        border = ops.point_borders(ascending, frequency, bucketing.size, self.spec.rate_weight)
        unit = self.spec.point_unit
        return {
            "points": points / unit,
            "bucketing": bucketing,
            "scaling": self.spec.scaling,
            "scale": tf.abs(step) * unit,
            "border": border / unit,
        }

    def _points(self, weights: dict[str, Any], size: int) -> tf.Tensor:
        """The points, with their gradients as the spec scales them; that of 0 gets none.

        Each stays on its side of 0, so that 0 keeps its code; on a grid at least a unit away.
        """
        spec, scale = self.spec, 1.0
        if spec.gradient_scale == "lsq":
            scale = (size * spec.levels) ** -0.5
        sizes = tf.abs(trained(weights["points"], spec.learning_rate_multiplier, scale))
        if spec.grid is not None:
            unit = spec.point_unit
            sizes = unit * ops.to_sizes(sizes / unit, LARGEST_INTEGER[spec.grid])
        return np.sign(self._integers()) * sizes

    def _spared_bits(self, weights: dict[str, Any], bucketing: Bucketing) -> tf.Tensor:
        points = tf.sort(self._points(weights, bucketing.size))
        frequency = tf.convert_to_tensor(weights["code_frequency"])
        by_points = ops.bits_spared_by_points(points, frequency, bucketing.size)
        return super()._spared_bits(weights, bucketing) + by_points

    def _ends(self, weights: dict[str, Any]) -> tuple[float, float]:
        points = np.asarray(self._points(weights, 1))
        return float(points.min()), float(points.max())

    def _frequency(self, inputs: tf.Tensor, weights: dict[str, Any]) -> np.ndarray:
        bucketing = self.bucketing(inputs.shape)
        step, _ = self._trained(weights, bucketing)
        points = tf.sort(self._points(weights, bucketing.size))
        arguments = (points, tf.abs(step), bucketing, self.spec.rate_weight)
        return ops.settled_point_frequency(self._as_drawn(inputs), *arguments)

    @property
    def _intervals(self) -> float:
        return self.spec.point_unit

    def _roles(self, bucketing: Bucketing) -> dict[str, tuple[tuple[int, ...], bool]]:
        return {**super()._roles(bucketing), "points": ((self.spec.levels,), True)}

    def _first_levels(self) -> dict[str, np.ndarray]:
        return {"points": kept(np.abs(self._integers()), self.spec.learning_rate_multiplier)}

    def _integers(self) -> np.ndarray:
        """The integers that points start at: float32 [levels]."""
        return np.arange(self.spec.levels, dtype=np.float32) - zero_code(self.spec.levels)
