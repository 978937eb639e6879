"""Nearest-point quantization with trained codebooks."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfqd import ops
from tfqd.compressed import QuantizedTensor
from tfqd.quantizers.base import Quantizer, assign
from tfqd.quantizers.trained import kept, trained
from tfqd.spec import Codebook
from tfqd.spec.bucketing import Bucketing

# A scale of its own is so many standard deviations of the bucket's weights.
_DEVIATIONS = 3.0


class CodebookQuantizer(Quantizer):
    """Moves a tensor's weights to the nearest of its points; see `tfqd.Codebook`.

    `build` creates the points, a float32 variable of shape [k], or
    [codebooks, k] with several codebooks, where the spec lets them start; at the
    uniform start as long as no value is known that another start asks for. With
    a learning rate multiplier m it holds points / m (`tfqd.quantizers.trained`).
    Where the spec's `scale` is fixed or learned, it creates the scales too, alpha
    of each bucket, float32 [buckets], trained where they are learned.
    """

    spec: Codebook

    @property
    def trains_weights(self) -> bool:
        return self.spec.train != "points"

    @property
    def follows_weights(self) -> bool:
        return self.spec.scale == "range"

    @property
    def _has_own_scale(self) -> bool:
        """Whether scales are variables."""
        return self.spec.scale in ("fixed", "learned")

    def build(self, tensor_shape, name: str, layer, value=None) -> dict[str, Any]:
        bucketing = self.bucketing(tensor_shape)
        roles = {"points": (self.spec.points_shape(bucketing), self.spec.train != "weights")}
        if self._has_own_scale:
            roles["scale"] = ((bucketing.count,), self.spec.scale == "learned")

        def start(known):
            return self._start(known, bucketing)

        state = self._created(roles, start, value, name, layer)
        return {**state, **self._observed(tensor_shape, name, layer)}

    def initialize(self, inputs: tf.Tensor, weights: dict[str, Any], sensitivity=None) -> None:
        super().initialize(inputs, weights, sensitivity)
        bucketing = self.bucketing(inputs.shape)
        assign(self._start(inputs, bucketing, sensitivity), weights)

    def restore(self, stored: QuantizedTensor, weights: dict[str, Any]) -> None:
        if stored.points is None:
            raise ValueError(f"a tensor of {self.spec} must have points; it has none")
        if self._has_own_scale and np.any(stored.scale < 0):
            raise ValueError(f"the scales of {self.spec} must not be negative; some are")
        points = stored.points / np.float32(self.spec.steps)
        weights["points"].assign(kept(points, self.spec.learning_rate_multiplier))
        if self._has_own_scale:
            weights["scale"].assign(kept(stored.scale, 1 / self.spec.steps))

    def _start(
        self, inputs: tf.Tensor | None, bucketing: Bucketing, sensitivity=None
    ) -> dict[str, np.ndarray]:
        """What the variables hold at first."""
        start, scale = {}, None
        if self.spec.scale is None:
            scale = np.ones(bucketing.count, np.float32)
        elif self._has_own_scale:
            scale = np.ones(bucketing.count, np.float32)
            if inputs is not None:
                scale = np.float32(_DEVIATIONS) * ops.deviations(inputs, bucketing)
            start["scale"] = scale
        points = self._first_points(inputs, bucketing, scale, sensitivity)
        # These points do not depend on the weights, so the scale is fitted to them.
        even = sensitivity is None and self.spec.init in ("uniform", "normal")
        if even and scale is not None and inputs is not None:
            one = points.reshape(-1, points.shape[-1])[0]  # all codebooks begin alike
            start["scale"] = ops.fitted_scales(inputs, one, bucketing, scale)
        return {**start, "points": kept(points, self.spec.learning_rate_multiplier)}

    def _first_points(self, inputs, bucketing: Bucketing, scale, sensitivity) -> np.ndarray:
        """The points at first, in the scaled domain; by k-means where errors have a cost."""
        spec = self.spec
        init = spec.init if sensitivity is None else "kmeans"
        if init == "normal":
            points = ops.normal_points(spec.levels, spec.scaling)
        elif init == "uniform" or inputs is None:
            points = ops.uniform_points(spec.levels, spec.scaling)
        else:
            options = (spec.levels, bucketing, spec.scaling, spec.clip, spec.channels_per_codebook)
            if init == "kmeans":
                return ops.kmeans_points(inputs, *options, sensitivity, scale)
            return ops.quantile_points(inputs, *options, scale)
        return np.broadcast_to(points, spec.points_shape(bucketing))

    def __call__(self, inputs, training, weights: dict[str, Any], **kwargs) -> tf.Tensor:
        inputs = self._taken(inputs) if self.trains_weights else tf.stop_gradient(inputs)
        bucketing = self.bucketing(inputs.shape)
        frozen = self._frozen_after(inputs, training, weights)
        options = {
            **self._options(weights, bucketing),
            "training": training is True,
            "frozen": frozen,
        }
        return ops.codebook(inputs, self._points(weights, bucketing), bucketing, **options)

    def stored(
        self,
        inputs: tf.Tensor,
        weights: dict[str, Any],
        frozen: tf.Tensor | None = None,
        training: bool = False,
    ) -> ops.Codes:
        bucketing = self.bucketing(inputs.shape)
        points = self._points(weights, bucketing)
        options = {**self._options(weights, bucketing), "training": training, "frozen": frozen}
        return ops.codebook_codes(inputs, points, bucketing, **options)

    def _codes(self, inputs, weights: dict[str, Any]) -> tf.Tensor:
        return self.stored(inputs, weights, training=True).codes

    def _options(self, weights: dict[str, Any], bucketing: Bucketing) -> dict[str, Any]:
        spec = self.spec
        return {
            "scale": self._scale(weights, bucketing),
            "scaling": spec.scaling,
            "clip": spec.clip,
            "channels_per_codebook": spec.channels_per_codebook,
            "steps": spec.steps,
        }

    def _scale(self, weights: dict[str, Any], bucketing: Bucketing) -> tf.Tensor | None:
        """What points are multiplied by, where that does not follow the weights."""
        spec = self.spec
        if spec.scale == "range":
            return None
        if spec.scale is None:
            return tf.ones([bucketing.count])
        gradient_scale = 1 / spec.steps
        if spec.gradient_scale == "lsq":
            gradient_scale *= (bucketing.size / bucketing.count * spec.levels) ** -0.5
        # Its size counts, so that training may take it through 0.
        return tf.abs(trained(weights["scale"], 1 / spec.steps, gradient_scale))

    def _points(self, weights, bucketing: Bucketing) -> tf.Tensor:
        """The points, on their grid and with 0, with their gradient as the spec scales it."""
        spec, gradient_scale = self.spec, 1.0
        if spec.gradient_scale == "lsq":
            codebooks = np.prod(spec.points_shape(bucketing)[:-1])
            gradient_scale = (bucketing.size / codebooks * spec.levels) ** -0.5
        points = trained(weights["points"], spec.learning_rate_multiplier, gradient_scale)
        if spec.grid == "e4m3":
            points = ops.to_e4m3(points, spec.steps)
        elif spec.grid is not None:
            points = ops.to_integers(points, spec.steps)
        return ops.with_zero(points) if spec.preserve_zeros else points
