"""Variables that are kept as a fraction of their value."""

import numpy as np
import pytest
import tensorflow as tf

from tfqd.quantizers.trained import kept, trained

VALUES = np.float32(np.random.default_rng(0).normal(size=2000) * 10.0 ** np.arange(-5, 5, 0.005))


def test_the_gradient_is_that_of_the_value_times_the_scale():
    variable = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        value = trained(variable, 10.0, np.float32([0.5, 2.0]))
        loss = tf.reduce_sum(value * [3.0, 4.0])
    assert value.numpy().tolist() == [10, 20]
    assert tape.gradient(loss, variable).numpy().tolist() == [1.5, 8.0]


@pytest.mark.parametrize("others", [(), (3.0,), (255.0,), (0.1,), (7.0, 127.0)])
def test_what_is_kept_gives_back_what_was_computed_bit_for_bit(others):
    multiplier = 3.7
    stored = VALUES * np.float32(multiplier)
    for other in others:
        stored = stored * np.float32(other)
    again = kept(stored, multiplier, *others) * np.float32(multiplier)
    for other in others:
        again = again * np.float32(other)
    np.testing.assert_array_equal(again, stored)


def test_what_nothing_gives_exactly_is_kept_nearly():
    np.testing.assert_allclose(kept(VALUES, 3.7) * np.float32(3.7), VALUES, rtol=2e-7)
