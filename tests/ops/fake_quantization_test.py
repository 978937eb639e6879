"""Rounded activations and their gradients against plain numpy."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfqd import ops

seeds = st.integers(0, 2**32 - 1)


def by_hand(x, low, high, steps):
    """The rounded numbers and which of them lie between the ends, in float64."""
    step = (np.float64(high) - low) / steps
    zero = np.rint(np.float32(-low) / np.float32(step))
    position = x / step + zero
    codes = np.clip(np.floor(position + 0.5), 0, steps)
    inside = (position >= 0) & (position <= steps)
    return (codes - zero) * step, inside, step


KINDS = [
    *[(bits, False) for bits in (16, 8, 4, 2)],
    *[(bits, True) for bits in (8, 6, 4, 2)],
]


@given(seeds, st.sampled_from(KINDS))
def test_numbers_go_to_the_nearest_of_the_grid(seed, kind):
    bits, positive = kind
    random = np.random.default_rng(seed)
    x = random.normal(size=(4, 50)).astype(np.float32)
    x = np.maximum(x, 0) if positive else x
    low = np.float32(0 if positive else -random.uniform(0.2, 3))
    high = np.float32(random.uniform(0.2, 3))
    steps = 2**bits - 1
    found = ops.fake_quantize(tf.constant(x), tf.constant(low), tf.constant(high), steps).numpy()
    expected, _, step = by_hand(x.astype(np.float64), low, high, steps)
    # Halves may go either way, by the rounding of float32.
    assert np.abs(found - expected).max() < 1.001 * step
    assert (np.abs(found - expected) > 1e-5).mean() < 0.01
    assert len(np.unique(np.rint(found / step))) <= 2**bits


@pytest.mark.parametrize(("steps", "low"), [(255, -1.1), (15, -1.1), (15, 0)])
def test_gradients_are_those_of_lsq_plus_in_terms_of_the_ends(steps, low):
    random = np.random.default_rng(1)
    x = random.normal(size=(8, 40)).astype(np.float32)
    low, high = np.float32(low), np.float32(1.3)
    x = x if low else np.abs(x)
    upstream = random.normal(size=x.shape).astype(np.float32)
    sources = [tf.constant(each, tf.float32) for each in (x, low, high)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        loss = tf.reduce_sum(upstream * ops.fake_quantize(*sources, steps))
    of_x, of_low, of_high = (each.numpy() for each in tape.gradient(loss, sources))
    y, inside, step = by_hand(x.astype(np.float64), low, high, steps)
    np.testing.assert_array_equal(of_x, np.where(inside, upstream, 0))
    # LSQ: dy/ds is q - x/s inside; beyond, n for the upper end. dy/dlow is 1 beyond either end.
    of_step = np.where(inside, (y - x) / step, np.where(x > y, steps, 0))
    of_offset = np.where(inside, 0, 1)
    pace = 1 / math.sqrt(40 * steps)
    expected_high = pace * (upstream * of_step / steps).sum()
    expected_low = pace * (upstream * (of_offset - of_step / steps)).sum()
    assert of_high == pytest.approx(expected_high, rel=1e-4)
    assert of_low == pytest.approx(expected_low, rel=1e-4, abs=1e-5)


def test_zero_stays_zero_whatever_the_range():
    x = tf.zeros((1, 3))
    for low, high in [(-0.37, 1.21), (-2.0, 0.01), (0.0, 3.3)]:
        rounded = ops.fake_quantize(x, tf.constant(low), tf.constant(high), 255)
        np.testing.assert_array_equal(rounded, np.zeros((1, 3)))


@pytest.mark.parametrize("steps", [255, 15])
def test_it_compiles(steps):
    x = tf.constant(np.abs(np.random.default_rng(0).normal(size=(2, 9))), tf.float32)
    arguments = (x, tf.constant(0.0), tf.constant(1.5), steps)
    compiled = tf.function(ops.fake_quantize, jit_compile=True)(*arguments)
    np.testing.assert_allclose(compiled, ops.fake_quantize(*arguments), atol=1e-6)


@pytest.mark.parametrize(("steps", "clips_below"), [(15, True), (15, False), (255, True)])
def test_what_is_rounded_is_raised_to_fewer_steps_alone(steps, clips_below):
    x, ends = tf.constant([-9.0, -0.3, 0.2, 9.0]), (tf.constant(-1.0), tf.constant(2.0))
    raised = ops.raised_to_range(x, *ends, steps, clips_below).numpy()
    lower = -1.0 if (steps, clips_below) == (15, True) else -9.0
    np.testing.assert_allclose(raised, [lower, -0.3, 0.2, 9.0], rtol=1e-6)
