"""Nearest-point quantization with a trained codebook."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfqd import ops
from tfqd.quantizers.base import Encoding, Quantizer, encoding
from tfqd.quantizers.trained import kept, trained
from tfqd.spec import Codebook


class CodebookQuantizer(Quantizer):
    """Moves a tensor's weights to the nearest of its points; see `tfqd.Codebook`.

    `build` creates the points, a float32 variable of shape [2^bits], at the
    weights' quantiles or evenly spaced as the spec says; evenly spaced as long
    as no value is known. With a learning rate multiplier m it holds points / m
    (`tfqd.quantizers.trained`).
    """

    spec: Codebook

    @property
    def trains_weights(self) -> bool:
        return self.spec.train != "points"

    def build(self, tensor_shape, name: str, layer, value=None) -> dict[str, Any]:
        self.bucketing(tensor_shape)
        points = layer.add_weight(
            name=f"{name}_points",
            shape=(self.spec.levels,),
            dtype="float32",
            initializer=lambda shape, dtype=None, **_: tf.constant(
                self._start(None if value is None else value())
            ),
            trainable=self.spec.train != "weights",
        )
        return {"points": points}

    def initialize(self, inputs: tf.Tensor, weights: dict[str, Any]) -> None:
        weights["points"].assign(self._start(inputs))

    def restore(self, stored: Encoding, weights: dict[str, Any]) -> None:
        weights["points"].assign(kept(stored.points, self.spec.learning_rate_multiplier))

    def _start(self, inputs: tf.Tensor | None) -> np.ndarray:
        """What the variable holds at first."""
        spec = self.spec
        if inputs is None or spec.init == "uniform":
            points = ops.uniform_points(spec.levels, spec.scaling)
        else:
            bucketing = self.bucketing(inputs.shape)
            points = ops.quantile_points(inputs, spec.levels, bucketing, spec.scaling, spec.clip)
        return kept(points, spec.learning_rate_multiplier)

    def __call__(self, inputs, training, weights: dict[str, Any], **kwargs) -> tf.Tensor:
        spec = self.spec
        bucketing = self.bucketing(inputs.shape)
        if not self.trains_weights:
            inputs = tf.stop_gradient(inputs)
        points = self._points(weights, bucketing)
        return ops.codebook(
            inputs, points, bucketing, spec.scaling, spec.clip, training=training is True
        )

    def encode(self, inputs: tf.Tensor, weights: dict[str, Any]) -> Encoding:
        spec = self.spec
        bucketing = self.bucketing(inputs.shape)
        points = self._points(weights, bucketing)
        return encoding(ops.codebook_codes(inputs, points, bucketing, spec.scaling, spec.clip))

    def _points(self, weights, bucketing) -> tf.Tensor:
        """The points, with their gradient as the spec scales it."""
        spec, gradient_scale = self.spec, 1.0
        if spec.gradient_scale == "lsq":
            gradient_scale = (bucketing.size * spec.levels) ** -0.5
        return trained(weights["points"], spec.learning_rate_multiplier, gradient_scale)
