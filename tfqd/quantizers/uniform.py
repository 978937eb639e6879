"""Uniform quantization, with a seed of its own where rounding is stochastic."""

import random
from typing import Any

import tensorflow as tf

from tfqd import ops
from tfqd.quantizers.base import Quantizer
from tfqd.spec import Uniform


class UniformQuantizer(Quantizer):
    """Quantizes a tensor on a uniform grid; see `tfqd.Uniform`.

    With stochastic rounding `build` creates a seed variable, int32 [2]: a
    start drawn from Python's generator, which ``keras.utils.set_random_seed``
    seeds, and a counter that moves at every training call, so that every call
    has fresh noise and a reloaded model goes on where it stopped.
    """

    spec: Uniform

    def build(self, tensor_shape, name: str, layer, value=None) -> dict[str, Any]:
        self.bucketing(tensor_shape)  # Refuses a shape that cannot be cut, before the first call.
        if self.spec.rounding == "deterministic":
            return self._observed(tensor_shape, name, layer)
        start = random.randint(0, 2**31 - 1)
        seed = layer.add_weight(
            name=f"{name}_seed",
            shape=(2,),
            dtype="int32",
            initializer=lambda shape, dtype=None, **_: tf.constant([start, 0], tf.int32),
            trainable=False,
        )
        return {"seed": seed}

    def __call__(self, inputs, training, weights: dict[str, Any], **kwargs) -> tf.Tensor:
        inputs = self._taken(inputs)
        if "seed" not in weights or training is None or training is False:
            return self._quantize(inputs, None, self._frozen_after(inputs, training, weights))
        seed = tf.convert_to_tensor(weights["seed"])
        if training is True:
            weights["seed"].assign(_next(seed))
            return self._quantize(inputs, seed)
        training = tf.cast(training, tf.bool)
        weights["seed"].assign(tf.where(training, _next(seed), seed))
        return tf.cond(
            training, lambda: self._quantize(inputs, seed), lambda: self._quantize(inputs, None)
        )

    def stored(
        self, inputs: tf.Tensor, weights: dict[str, Any], frozen: tf.Tensor | None = None
    ) -> ops.Codes:
        spec, bucketing = self.spec, self.bucketing(inputs.shape)
        options: dict[str, Any] = {"short_steps": spec.scale_grid is not None, "frozen": frozen}
        return ops.uniform_codes(inputs, bucketing, spec.levels, spec.scaling, spec.clip, **options)

    def _quantize(self, inputs, seed, frozen=None) -> tf.Tensor:
        spec, bucketing = self.spec, self.bucketing(inputs.shape)
        options = {"short_steps": spec.scale_grid is not None, "frozen": frozen}
        return ops.uniform(inputs, bucketing, spec.levels, spec.scaling, spec.clip, seed, **options)


def _next(seed: tf.Tensor) -> tf.Tensor:
    return seed + tf.constant([0, 1])
