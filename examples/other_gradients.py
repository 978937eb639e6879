"""Gradients of weights that others give in place of the straight-through one, to try them.

Each spec is that of tfqd that it derives from; what is quantized stays the same.
"""

import dataclasses
import math
from typing import ClassVar

import tensorflow as tf

import tfqd
from tfqd.quantizers.codebook import CodebookQuantizer
from tfqd.quantizers.learned_step import LearnedStepQuantizer

# The share of the error that EWGS has, and the first coefficient of StableQAT's configurations.
_EWGS, _STABLE = 0.2, 0.21


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Ewgs(tfqd.LearnedStep):
    """Element-wise gradient scaling (Lee et al. 2021, arXiv 2104.00903).

    g (1 + 0.2 sign(g) (x - q)), x the weight in the range of the levels, [0, 1], q its level.
    """

    kind: ClassVar[str] = "ewgs"


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class StableQat(tfqd.LearnedStep):
    """A Fourier series' gradient (StableQAT, arXiv 2601.19320), of its first term.

    g (1 - r) / (1 + r), r = 0.21 sqrt(2) pi cos(pi (v + round(v))), v the weight in steps: it is
    small at a level and whole half way between two.
    """

    kind: ClassVar[str] = "stable_qat"


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Stopped(tfqd.Codebook):
    """No gradient to weights beyond the outermost points; with scales of its own."""

    kind: ClassVar[str] = "stopped"


class EwgsQuantizer(LearnedStepQuantizer):
    def __call__(self, inputs, training, weights, **kwargs):
        quantized = super().__call__(tf.stop_gradient(inputs), False, weights)
        step, _ = self._trained(weights, self.bucketing(inputs.shape))
        error = (inputs - quantized) / (step * (self.spec.levels - 1))
        inputs = _with_gradient(inputs, lambda g: g * (1 + _EWGS * tf.sign(g) * error))
        return super().__call__(inputs, training, weights, **kwargs)


class StableQatQuantizer(LearnedStepQuantizer):
    def __call__(self, inputs, training, weights, **kwargs):
        step, _ = self._trained(weights, self.bucketing(inputs.shape))
        in_steps = inputs / step
        wave = tf.cos(math.pi * (in_steps + tf.round(in_steps)))
        r = _STABLE * math.sqrt(2) * math.pi * wave
        inputs = _with_gradient(inputs, lambda g: g * (1 - r) / (1 + r))
        return super().__call__(inputs, training, weights, **kwargs)


class StoppedQuantizer(CodebookQuantizer):
    def __call__(self, inputs, training, weights, **kwargs):
        bucketing = self.bucketing(inputs.shape)
        points = self._points(weights, bucketing) * self._scale(weights, bucketing)
        inside = (inputs >= tf.reduce_min(points)) & (inputs <= tf.reduce_max(points))
        inputs = _with_gradient(inputs, lambda g: tf.where(inside, g, 0.0))
        return super().__call__(inputs, training, weights, **kwargs)


def _with_gradient(tensor, change):
    """The tensor, whose gradient is what `change` makes of that which comes."""

    @tf.custom_gradient
    def same(tensor):
        return tf.identity(tensor), change

    return same(tensor)


tfqd.register(Ewgs, EwgsQuantizer)
tfqd.register(StableQat, StableQatQuantizer)
tfqd.register(Stopped, StoppedQuantizer)
