"""Iterative freezing of weights that oscillate (Nagel et al. 2022, arXiv 2203.11086).

With the straight-through gradient a weight near the border between two levels may
change its code to and fro and never settle. In every training step the code c_t of
a weight is compared with that of the step before, d_t = sign(c_t - c_{t-1}); it
oscillates when d_t is the opposite of its last change. With the momentum m = 0.01

    frequency = m oscillates + (1 - m) frequency,    mean = m c_t + (1 - m) mean,

and a weight whose frequency exceeds the threshold keeps the code round(mean) for
good. The threshold should be some times m: a weight that oscillates once in 50
steps has a frequency of about 0.02.

The state is the layer's own, five float32 numbers a weight, so that files and
backups of the model keep it.
"""

from typing import Any

import tensorflow as tf

MOMENTUM = 0.01

# role -> where it starts: the code of the last step, its last change (-1, 0 or 1),
# frequency and mean as above, and the code it keeps. Codes are -1 where there is none.
STARTS = {
    "last_code": -1.0,
    "last_change": 0.0,
    "frequency": 0.0,
    "mean_code": 0.0,
    "held_code": -1.0,
}
THRESHOLD = "freeze_above"


def build(shape, name: str, layer, threshold: float) -> dict[str, Any]:
    """Creates the state of a tensor's weights, with none frozen, and the threshold.

    Args:
        shape: of the tensor.
        name: prefix of the variables' names.
        layer: whatever has Keras' ``add_weight``.
        threshold: frequency above which a weight is frozen.
    """

    def variable(role, shape, start):
        return layer.add_weight(
            name=f"{name}_{role}",
            shape=shape,
            dtype="float32",
            initializer=lambda shape, dtype=None, **_: tf.fill(shape, start),
            trainable=False,
        )

    state = {role: variable(role, tuple(shape), start) for role, start in STARTS.items()}
    return {**state, THRESHOLD: variable(THRESHOLD, (), threshold)}


def reset(state: dict[str, Any]) -> None:
    """Forgets all codes and frees all weights; the threshold stays."""
    for role, start in STARTS.items():
        state[role].assign(tf.fill(state[role].shape, start))


def hold(codes, state: dict[str, Any]) -> None:
    """Freezes weights at the codes that a file has of them, where their values give others.

    Args:
        codes: the tensor's shape; -1 for the weights that are free.
        state: from `build`.
    """
    state["held_code"].assign(tf.cast(codes, tf.float32))


def stretch(factor: float, middle: float, codes: tf.Tensor, state: dict[str, Any]) -> None:
    """Puts means and codes on a grid whose steps have become longer.

    Args:
        factor: how many times as long.
        middle: the code that stayed where it is.
        codes: what the weights' own values have on the new grid, the tensor's shape.
        state: from `build`.
    """
    mean = tf.convert_to_tensor(state["mean_code"])
    state["mean_code"].assign(middle + (mean - middle) / factor)
    for role in ("last_code", "held_code"):
        before = tf.convert_to_tensor(state[role])
        state[role].assign(tf.where(before < 0, before, tf.cast(codes, tf.float32)))


def observe(codes: tf.Tensor, state: dict[str, Any]) -> None:
    """Takes in the codes of one training step and freezes what oscillates too often.

    Args:
        codes: of the free and of the frozen weights as they would be, the
            tensor's shape.
        state: from `build`.
    """
    codes = tf.cast(codes, tf.float32)
    last, change, frequency, mean, frozen = (tf.convert_to_tensor(state[role]) for role in STARTS)
    is_first = last < 0
    new_change = tf.where(is_first, 0.0, tf.sign(codes - last))
    oscillates = tf.cast(new_change * change < 0, tf.float32)
    frequency += MOMENTUM * (oscillates - frequency)
    mean = tf.where(is_first, codes, mean + MOMENTUM * (codes - mean))
    freezes = (frozen < 0) & (frequency > tf.convert_to_tensor(state[THRESHOLD]))
    new = {
        "last_code": codes,
        "last_change": tf.where(new_change == 0, change, new_change),
        "frequency": frequency,
        "mean_code": mean,
        "held_code": tf.where(freezes, tf.round(mean), frozen),
    }
    for role, value in new.items():
        state[role].assign(value)
