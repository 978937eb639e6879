"""Nearest-point quantization with trained codebooks."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfqd import ops
from tfqd.compressed import QuantizedTensor
from tfqd.quantizers.base import Quantizer
from tfqd.quantizers.trained import kept, trained
from tfqd.spec import Codebook
from tfqd.spec.bucketing import Bucketing


class CodebookQuantizer(Quantizer):
    """Moves a tensor's weights to the nearest of its points; see `tfqd.Codebook`.

    `build` creates the points, a float32 variable of shape [k], or
    [codebooks, k] with several codebooks, where the spec lets them start; at the
    uniform start as long as no value is known that another start asks for. With
    a learning rate multiplier m it holds points / m (`tfqd.quantizers.trained`).
    """

    spec: Codebook

    @property
    def trains_weights(self) -> bool:
        return self.spec.train != "points"

    def build(self, tensor_shape, name: str, layer, value=None) -> dict[str, Any]:
        bucketing = self.bucketing(tensor_shape)

        def start(shape, dtype=None, **_):
            inputs = None if value is None else value()
            return tf.constant(self._kept(self._start(inputs, bucketing)))

        points = layer.add_weight(
            name=f"{name}_points",
            shape=self.spec.points_shape(bucketing),
            dtype="float32",
            initializer=start,
            trainable=self.spec.train != "weights",
        )
        return {"points": points, **self._observed(tensor_shape, name, layer)}

    def initialize(self, inputs: tf.Tensor, weights: dict[str, Any], sensitivity=None) -> None:
        super().initialize(inputs, weights, sensitivity)
        start = self._start(inputs, self.bucketing(inputs.shape), sensitivity)
        weights["points"].assign(self._kept(start))

    def restore(self, stored: QuantizedTensor, weights: dict[str, Any]) -> None:
        weights["points"].assign(self._kept(stored.points / np.float32(self.spec.steps)))

    def _kept(self, points: np.ndarray) -> np.ndarray:
        """What the variable holds for these points of the scaled domain."""
        return kept(points, self.spec.learning_rate_multiplier)

    def _start(self, inputs: tf.Tensor | None, bucketing: Bucketing, sensitivity=None):
        """The points at first, in the scaled domain; by k-means where errors have a cost."""
        spec = self.spec
        init = spec.init if sensitivity is None else "kmeans"
        if init == "normal":
            points = ops.normal_points(spec.levels, spec.scaling)
        elif init == "uniform" or inputs is None:
            points = ops.uniform_points(spec.levels, spec.scaling)
        else:
            arguments = (inputs, spec.levels, bucketing, spec.scaling, spec.clip)
            arguments += (spec.channels_per_codebook,)
            if init == "kmeans":
                return ops.kmeans_points(*arguments, sensitivity)
            return ops.quantile_points(*arguments)
        return np.broadcast_to(points, spec.points_shape(bucketing))

    def __call__(self, inputs, training, weights: dict[str, Any], **kwargs) -> tf.Tensor:
        inputs = self._taken(inputs) if self.trains_weights else tf.stop_gradient(inputs)
        bucketing = self.bucketing(inputs.shape)
        held = self._held_after(inputs, training, weights)
        options = {**self._options, "training": training is True, "held": held}
        return ops.codebook(inputs, self._points(weights, bucketing), bucketing, **options)

    def _stored(
        self, inputs: tf.Tensor, weights: dict[str, Any], held=None, training: bool = False
    ) -> ops.Codes:
        bucketing = self.bucketing(inputs.shape)
        points = self._points(weights, bucketing)
        options = {**self._options, "training": training, "held": held}
        return ops.codebook_codes(inputs, points, bucketing, **options)

    def _codes(self, inputs, weights: dict[str, Any]) -> tf.Tensor:
        return self._stored(inputs, weights, training=True).codes

    @property
    def _options(self) -> dict[str, Any]:
        spec = self.spec
        return {
            "scaling": spec.scaling,
            "clip": spec.clip,
            "channels_per_codebook": spec.channels_per_codebook,
            "steps": spec.steps,
        }

    def _points(self, weights, bucketing: Bucketing) -> tf.Tensor:
        """The points, on their grid and with 0, with their gradient as the spec scales it."""
        spec, gradient_scale = self.spec, 1.0
        if spec.gradient_scale == "lsq":
            codebooks = np.prod(spec.points_shape(bucketing)[:-1])
            gradient_scale = (bucketing.size / codebooks * spec.levels) ** -0.5
        points = trained(weights["points"], spec.learning_rate_multiplier, gradient_scale)
        if spec.grid is not None:
            points = ops.to_integers(points, spec.steps)
        return ops.with_zero(points) if spec.preserve_zeros else points
