"""Nearest-point quantization with a trained codebook."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfqd import ops
from tfqd.quantizers.base import Encoding, Quantizer, encoding
from tfqd.spec import Codebook


class CodebookQuantizer(Quantizer):
    """Moves a tensor's weights to the nearest of its points; see `tfqd.Codebook`.

    `build` creates the points, a trainable float32 variable of shape [2^bits],
    at the weights' quantiles or evenly spaced as the spec says; evenly spaced
    as long as no value is known.
    """

    spec: Codebook

    def build(self, tensor_shape, name: str, layer, value=None) -> dict[str, Any]:
        self.bucketing(tensor_shape)
        points = layer.add_weight(
            name=f"{name}_points",
            shape=(self.spec.levels,),
            dtype="float32",
            initializer=lambda shape, dtype=None, **_: tf.constant(
                self._start(None if value is None else value())
            ),
            trainable=True,
        )
        return {"points": points}

    def initialize(self, inputs: tf.Tensor, weights: dict[str, Any]) -> None:
        weights["points"].assign(self._start(inputs))

    def restore(self, stored: Encoding, weights: dict[str, Any]) -> None:
        weights["points"].assign(stored.points)

    def _start(self, inputs: tf.Tensor | None) -> np.ndarray:
        spec = self.spec
        if inputs is None or spec.init == "uniform":
            return ops.uniform_points(spec.levels, spec.scaling)
        return ops.quantile_points(
            inputs, spec.levels, self.bucketing(inputs.shape), spec.scaling, spec.clip
        )

    def __call__(self, inputs, training, weights: dict[str, Any], **kwargs) -> tf.Tensor:
        spec = self.spec
        points = tf.convert_to_tensor(weights["points"])
        bucketing = self.bucketing(inputs.shape)
        return ops.codebook(
            inputs, points, bucketing, spec.scaling, spec.clip, training=training is True
        )

    def encode(self, inputs: tf.Tensor, weights: dict[str, Any]) -> Encoding:
        spec = self.spec
        points = tf.convert_to_tensor(weights["points"])
        stored = ops.codebook_codes(
            inputs, points, self.bucketing(inputs.shape), spec.scaling, spec.clip
        )
        return encoding(stored)
