"""`tfqd.EntropyCodebook` whose steps follow the largest weights, as the paper's scales do.

One of the cells of `resnet8_factors.py`; nobody would use it.
"""

import dataclasses
from typing import ClassVar

import numpy as np
import tensorflow as tf

import tfqd
from tfqd.ops.buckets import bucket_axis, to_buckets
from tfqd.quantizers.entropy_codebook import EntropyCodebookQuantizer


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class LiveRange(tfqd.EntropyCodebook):
    """Steps start as those of `tfqd.EntropyCodebook`, and grow as the bucket's largest weight."""

    kind: ClassVar[str] = "live_range"


class LiveRangeQuantizer(EntropyCodebookQuantizer):
    """Holds the largest weights at the start, float32 [buckets]; no gradient trains its steps."""

    def __call__(self, inputs, training, weights, **kwargs):
        return super().__call__(inputs, training, self._followed(inputs, weights), **kwargs)

    def stored(self, inputs, weights, frozen=None):
        return super().stored(inputs, self._followed(inputs, weights), frozen)

    def _followed(self, inputs, weights):
        largest = self._largest(tf.stop_gradient(inputs))
        growth = tf.math.divide_no_nan(largest, tf.convert_to_tensor(weights["first_largest"]))
        return {**weights, "step": tf.convert_to_tensor(weights["step"]) * growth}

    def _roles(self, bucketing):
        untrained = ((bucketing.count,), False)
        return {**super()._roles(bucketing), "step": untrained, "first_largest": untrained}

    def _start(self, inputs, shape):
        start = super()._start(inputs, shape)
        if inputs is None:
            return {**start, "first_largest": np.ones(start["step"].shape, np.float32)}
        return {**start, "first_largest": self._largest(inputs).numpy()}

    def _largest(self, inputs):
        """The largest weight of each bucket, whatever its sign: float32 [buckets]."""
        bucketing = self.bucketing(inputs.shape)
        cut = to_buckets(tf.convert_to_tensor(inputs), bucketing)
        return tf.reshape(tf.reduce_max(tf.abs(cut), bucket_axis(bucketing)), [-1])


tfqd.register(LiveRange, LiveRangeQuantizer)
