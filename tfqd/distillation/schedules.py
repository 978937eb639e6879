"""How much the teacher counts, in the course of the training.

Few-bit students profit from a teacher that counts less towards the end (GSLR,
arXiv 1909.01688) and, started from scratch, from a first phase without one (QKD,
arXiv 1911.12491).
"""

import math
from typing import Any

import keras
import tensorflow as tf

from tfqd.spec.checks import is_number


@keras.saving.register_keras_serializable(package="tfqd")
class WarmUpDecay:
    """A weight that rises, stays, and falls along half a cosine.

    It rises in a straight line from 0 to `peak` over the first `warm_up_steps`,
    and falls from `peak` to `final` over the last `decay_steps` of `steps`.

    Args:
        steps: optimizer steps of the whole training.
        warm_up_steps: of these, the steps of the rise.
        decay_steps: of these, the steps of the fall; None for all after the rise.
        peak: weight between rise and fall.
        final: weight from the last step on.

    Raises:
        ValueError: for numbers below 0, or a rise and a fall longer than `steps`.

    Example:

    >>> weight = tfqd.distillation.WarmUpDecay(steps=100, warm_up_steps=10)
    >>> [round(float(weight(step)), 2) for step in (0, 5, 10, 55, 100)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        steps: int,
        *,
        warm_up_steps: int = 0,
        decay_steps: int | None = None,
        peak: float = 1.0,
        final: float = 0.0,
    ):
        decay_steps = steps - warm_up_steps if decay_steps is None else decay_steps
        config = {
            "steps": steps,
            "warm_up_steps": warm_up_steps,
            "decay_steps": decay_steps,
            "peak": peak,
            "final": final,
        }
        for name, value in config.items():
            if not is_number(value, 0):
                raise ValueError(f"{name} must be a number from 0 on; got {value!r}")
        if warm_up_steps + decay_steps > steps:
            raise ValueError(
                f"{warm_up_steps} warm-up steps and {decay_steps} decay steps are more than "
                f"the {steps} steps of the training"
            )
        self._config = config

    def __call__(self, step) -> tf.Tensor:
        """The weight, a float32 scalar, at an optimizer step (a number or integer tensor)."""
        schedule = self._config
        step = tf.cast(step, tf.float32)
        risen = tf.minimum(1.0, tf.math.divide_no_nan(step, float(schedule["warm_up_steps"])))
        risen = risen if schedule["warm_up_steps"] else 1.0
        start = float(schedule["steps"] - schedule["decay_steps"])
        fallen = tf.math.divide_no_nan(step - start, float(schedule["decay_steps"]))
        fallen = tf.clip_by_value(fallen, 0.0, 1.0) if schedule["decay_steps"] else 0.0
        remaining = 0.5 * (1.0 + tf.cos(math.pi * fallen))
        level = schedule["final"] + (schedule["peak"] - schedule["final"]) * remaining
        return tf.cast(risen * level, tf.float32)

    def get_config(self) -> dict[str, Any]:
        return dict(self._config)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WarmUpDecay":
        return cls(**config)
