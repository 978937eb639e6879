"""The gradient past a quantizer."""

import numpy as np
import tensorflow as tf

from tfqd.ops.straight_through import clip_weights, pass_gradient, straight_through

WEIGHTS = tf.constant([-2.0, -0.5, 0.0, 0.5, 0.75])


def test_identity_past_any_function():
    upstream = tf.range(5.0)
    with tf.GradientTape() as tape:
        tape.watch(WEIGHTS)
        loss = tf.reduce_sum(upstream * straight_through(tf.round, WEIGHTS, None))
    np.testing.assert_array_equal(tape.gradient(loss, WEIGHTS), upstream)


def test_nothing_passes_where_the_weight_lies_outside_the_clip():
    gradient = pass_gradient(WEIGHTS, tf.ones(5), 0.5)
    assert gradient.numpy().tolist() == [0, 1, 1, 1, 0]


def test_clip_weights():
    assert clip_weights(WEIGHTS, 0.5).numpy().tolist() == [-0.5, -0.5, 0, 0.5, 0.5]
    assert clip_weights(WEIGHTS, None) is WEIGHTS
