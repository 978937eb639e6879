"""Rounding to whole numbers and to 8-bit floats."""

import math

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from tfqd import ops
from tfqd.ops import rounding

SEED, OTHER_START, OTHER_CALL = tf.constant([[3, 14], [4, 14], [3, 15]])


@pytest.mark.parametrize("fraction", [0.001, 0.25, 0.5, 0.9])
def test_stochastic_rounds_up_as_often_as_the_fraction_says(fraction):
    draws = 200_000
    rounded = rounding.stochastic(tf.fill([draws], 7 + fraction), SEED).numpy()
    assert set(rounded) == {7, 8}
    deviation = math.sqrt(fraction * (1 - fraction) / draws)
    assert abs(rounded.mean() - 7 - fraction) < 4 * deviation


def test_stochastic_leaves_whole_numbers_alone():
    whole = tf.repeat(tf.range(-3.0, 256.0), 1000)
    np.testing.assert_array_equal(rounding.stochastic(whole, SEED), whole)


def test_numbers_within_the_tolerance_count_as_whole():
    below = tf.fill([1_000_000], np.nextafter(np.float32(255), np.float32(0)))
    assert set(rounding.stochastic(below, SEED).numpy()) == {254, 255}
    assert set(rounding.stochastic(below, SEED, tolerance=2e-5).numpy()) == {255}


def test_the_seed_decides_the_noise():
    x = tf.random.stateless_uniform([1000], [1, 2], 0.0, 9.0)
    first = rounding.stochastic(x, SEED).numpy()
    np.testing.assert_array_equal(rounding.stochastic(x, SEED), first)
    assert np.count_nonzero(rounding.stochastic(x, OTHER_CALL) != first) > 100
    assert np.count_nonzero(rounding.stochastic(x, OTHER_START) != first) > 100


def test_noise_in_a_graph_is_the_eager_noise():
    x = tf.random.stateless_uniform([1000], [1, 2], 0.0, 9.0)
    np.testing.assert_array_equal(
        tf.function(rounding.stochastic)(x, SEED), rounding.stochastic(x, SEED)
    )


def test_the_seed_decides_the_noise_under_xla():
    x = tf.random.stateless_uniform([1000], [1, 2], 0.0, 9.0)
    compiled = tf.function(rounding.stochastic, jit_compile=True)
    first = compiled(x, SEED).numpy()
    np.testing.assert_array_equal(compiled(x, SEED), first)
    assert np.count_nonzero(compiled(x, OTHER_CALL) != first) > 100


FLOATS8 = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float32)


@pytest.mark.parametrize("run", [lambda f: f, tf.function, tf.function(jit_compile=True)])
def test_8_bit_floats_are_those_that_ml_dtypes_rounds_to(run):
    numbers = np.sort(FLOATS8[np.isfinite(FLOATS8)])
    halfway = (numbers[1:] + numbers[:-1]) / 2
    random = np.random.default_rng(0).normal(size=2000) * 10.0 ** np.linspace(-5, 3, 2000)
    x = np.concatenate([numbers, halfway, np.nextafter(halfway, np.float32(9e9)), random])
    x = np.clip(x, -448, 448).astype(np.float32)
    found = run(ops.to_e4m3)(tf.constant(x))
    np.testing.assert_array_equal(found, x.astype(ml_dtypes.float8_e4m3fn).astype(np.float32))


def test_8_bit_floats_end_in_448_and_pass_the_gradient():
    x = tf.constant([-3.0, -0.5, 1e-9, 0.3, 2.0])  # 0.3 * 448 lies between 128 and 144
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = ops.to_e4m3(x, 448)
    assert found.numpy().tolist() == [-448, -224, 0, 128, 448]
    assert tape.gradient(found, x).numpy().tolist() == [448] * 5
