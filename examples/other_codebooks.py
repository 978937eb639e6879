"""What others do with points and weights before they are quantized, to try it."""

import dataclasses
from typing import ClassVar

import numpy as np
import tensorflow as tf

import tfqd
from tfqd.quantizers.codebook import CodebookQuantizer

_KEPT = 0.9


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Normalized(tfqd.Codebook):
    """Weights of mean 0 and one deviation in front (APoT, Li et al. 2020, arXiv 1909.13144).

    Statistics have no gradient. The deviation is that at the start, as the last layer has no
    BatchNormalization behind it.
    """

    kind: ClassVar[str] = "normalized"


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Refreshed(tfqd.Codebook):
    """Points that go to the mean of their weights (LQ-Nets, Zhang et al. 2018, arXiv 1807.10029).

    By a tenth of the way in every step, and by no gradient. One fixed scale a tensor.
    """

    kind: ClassVar[str] = "refreshed"


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Annealed(Refreshed):
    """The same, and weights go there by and by (PARQ, Jin et al. 2025, arXiv 2503.15748).

    Training sees clip(m + (w - m) / rho, lower, upper), m between the two neighbouring points,
    rho from 1 to 0 by a cosine over the second half of the training; whoever measures sees
    points.

    Args:
        steps_of_training: after which weights are at their points.
    """

    steps_of_training: int

    kind: ClassVar[str] = "annealed"


class NormalizedQuantizer(CodebookQuantizer):
    """Holds the deviation at the start, float32 []."""

    def build(self, tensor_shape, name, layer, value=None):
        state = super().build(tensor_shape, name, layer, value)

        def start(known):
            return {"deviation": np.float32(1 if known is None else np.std(known))}

        return {**state, **self._created({"deviation": ((), False)}, start, value, name, layer)}

    def __call__(self, inputs, training, weights, **kwargs):
        return super().__call__(self._normalized(inputs, weights), training, weights, **kwargs)

    def stored(self, inputs, weights, frozen=None, training=False):
        return super().stored(self._normalized(inputs, weights), weights, frozen, training)

    def _normalized(self, inputs, weights):
        held = tf.stop_gradient(inputs)
        mean, deviation = tf.reduce_mean(held), tf.math.reduce_std(held)
        return (inputs - mean) * (tf.convert_to_tensor(weights["deviation"]) / deviation)


class RefreshedQuantizer(CodebookQuantizer):
    def __call__(self, inputs, training, weights, **kwargs):
        if training is True:
            self._refresh(tf.stop_gradient(inputs), weights)
        return super().__call__(inputs, training, weights, **kwargs)

    def _refresh(self, inputs, weights):
        points = tf.sort(tf.convert_to_tensor(weights["points"]))
        codes = tf.reshape(tf.cast(self._codes(inputs, weights), tf.int32), [-1])
        values = tf.reshape(inputs, [-1]) / self._scale(weights, self.bucketing(inputs.shape))
        means = tf.math.unsorted_segment_mean(values, codes, self.spec.levels)
        used = tf.math.unsorted_segment_sum(tf.ones_like(values), codes, self.spec.levels) > 0
        moved = tf.where(used, _KEPT * points + (1 - _KEPT) * means, points)
        weights["points"].assign(moved)


class AnnealedQuantizer(RefreshedQuantizer):
    """Counts the steps of training, float32 []."""

    def build(self, tensor_shape, name, layer, value=None):
        state = super().build(tensor_shape, name, layer, value)
        zero = {"seen": np.float32(0)}
        count = self._created({"seen": ((), False)}, lambda known: zero, None, name, layer)
        return {**state, **count}

    def __call__(self, inputs, training, weights, **kwargs):
        quantized = super().__call__(inputs, training, weights, **kwargs)
        if training is not True:
            return quantized
        weights["seen"].assign(tf.convert_to_tensor(weights["seen"]) + 1)
        return inputs + tf.stop_gradient(self._shown(inputs, weights) - inputs)

    def _shown(self, inputs, weights):
        bucketing = self.bucketing(inputs.shape)
        points = tf.sort(self._points(weights, bucketing)) * self._scale(weights, bucketing)
        above = tf.searchsorted(points, tf.reshape(inputs, [-1]))
        above = tf.reshape(tf.clip_by_value(above, 1, self.spec.levels - 1), inputs.shape)
        lower, upper = tf.gather(points, above - 1), tf.gather(points, above)
        middle = (lower + upper) / 2
        done = tf.convert_to_tensor(weights["seen"]) / self.spec.steps_of_training
        rho = (1 + tf.cos(np.pi * tf.clip_by_value(2 * done - 1, 0, 1))) / 2
        apart = (inputs - middle) / tf.maximum(rho, 1e-6)
        return tf.clip_by_value(middle + apart, lower, upper)


tfqd.register(Normalized, NormalizedQuantizer)
tfqd.register(Refreshed, RefreshedQuantizer)
tfqd.register(Annealed, AnnealedQuantizer)
