"""Activations rounded to the grids of integer kernels, with gradients to the ends of their ranges.

A range [low, high] of n steps s = (high - low) / n lies at the upper end of the 256
integers of 8 bits: what is larger than `high` is clipped as kernels clip, at 127. With
n = 255 the lower end is clipped so too. With fewer steps what is smaller than `low` is raised
to it by an operator of its own, but for what comes out of a ReLU, where `low` is 0. Ranges of
more steps lie in the integers of 16 bits alike.

TensorFlow's own operation rounds, in training as in inference, so that its converter finds
the ranges in a traced model and puts them into its file.
"""

import math

import tensorflow as tf

# The steps between the integers of 8 and of 16 bits.
_STEPS = {8: 2**8 - 1, 16: 2**16 - 1}


def fake_quantize(
    x: tf.Tensor, low: tf.Tensor, high: tf.Tensor, steps: int, clips_below: bool = True
) -> tf.Tensor:
    """Rounds x to the grid of a range.

    Gradients as in LSQ+ (arXiv 2004.09576), written for the ends in place of step and
    offset: y = k s for x between the ends, which goes straight through; x beyond an end gives
    its gradient to that end. The rounding error of x inside counts for the step, which grows by
    1 / n with the upper end. Each end's is divided by sqrt(N n), N the numbers of an example.

    Args:
        x: float32, examples along the first axis.
        low: float32 scalar, at most 0; it is moved until 0 is on the grid.
        high: float32 scalar, above `low` and at least 0.
        steps: n, at most 255; or 65,535, or 32,767 where `low` is 0 and x is not negative.
        clips_below: whether x may lie below `low`.

    Returns:
        float32 of x's shape.
    """
    numbers = max(1, math.prod(size or 1 for size in x.shape[1:]))
    pace = 1 / math.sqrt(numbers * steps)

    bits = _bits(steps)
    clips = _raises(steps, clips_below)

    @tf.custom_gradient
    def rounded(x, low, high):
        lowest, lower, upper = _grid(low, high, steps)
        raised = tf.maximum(x, lower) if clips else x
        y = tf.quantization.fake_quant_with_min_max_vars(raised, lowest, upper, num_bits=bits)

        def gradients(upstream):
            straight, below, above = tf.quantization.fake_quant_with_min_max_vars_gradient(
                upstream, raised, lowest, upper, num_bits=bits
            )
            if clips:
                inside = tf.where(x < lower, 0.0, straight)
                below += tf.reduce_sum(straight - inside)
                straight = inside
            of_step = tf.reduce_sum(straight * (y - x)) / (high - low)
            return straight, pace * (below - of_step), pace * (above + of_step)

        return y, gradients

    return rounded(x, low, high)


def raised_to_range(
    x: tf.Tensor, low: tf.Tensor, high: tf.Tensor, steps: int, clips_below: bool = True
) -> tf.Tensor:
    """What becomes of x before `fake_quantize`, of the same arguments, rounds it.

    Returns:
        float32 of x's shape, at least the lower end where an operator of its own sees to that.
    """
    _, lower, _ = _grid(low, high, steps)
    return tf.maximum(x, lower) if _raises(steps, clips_below) else x


def _raises(steps: int, clips_below: bool) -> bool:
    """Whether an operator of its own raises what is smaller than the lower end."""
    return clips_below and steps < _STEPS[_bits(steps)]


def _grid(low: tf.Tensor, high: tf.Tensor, steps: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The smallest number of all integers, and the ends of the range among them.

    TensorFlow's operation moves all integers until 0 is one of them; fewer are moved here.
    """
    most = _STEPS[_bits(steps)]
    if steps == most:
        return low, low, high
    step = (high - low) / steps
    lower = -step * tf.clip_by_value(tf.round(-low / step), 0, steps)
    upper = lower + step * steps
    return upper - step * most, lower, upper


def _bits(steps: int) -> int:
    """Bits of the integers that a range of so many steps is rounded to."""
    return 8 if steps <= _STEPS[8] else 16
