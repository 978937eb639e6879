"""Codes chosen with their length in view, beside loops over single weights."""

import numpy as np
import pytest
import tensorflow as tf

from tfqd import ops
from tfqd.ops.entropy import round_between
from tfqd.spec.bucketing import Bucketing

RNG = np.random.default_rng(0)
WEIGHTS = tf.constant(RNG.laplace(size=(40, 50)).astype(np.float32))
BUCKETING = Bucketing((40, 50), None, "flat", (-1,))


def cheapest_neighbour(x, frequency, rate_weight):
    """By the definition: of the two levels about x, the one of less error and length."""
    last = len(frequency) - 1
    x = min(max(float(x), 0.0), last)
    lower = min(int(x), last - 1)
    costs = [(x - c) ** 2 - rate_weight * np.log2(frequency[c]) for c in (lower, lower + 1)]
    return lower + int(costs[1] < costs[0])


@pytest.mark.parametrize("rate_weight", [0.0, 0.05, 0.15])
@pytest.mark.parametrize("levels", [2, 3, 16])
def test_codes_are_the_cheapest_neighbours(levels, rate_weight):
    frequency = RNG.dirichlet(np.full(levels, 5.0)).astype(np.float32)
    size = 10**9  # so that nothing is smoothed
    x = RNG.uniform(-1, levels, 500).astype(np.float32)
    codes = round_between(x, ops.borders(tf.constant(frequency), size, rate_weight), levels)
    expected = [cheapest_neighbour(each, frequency, rate_weight) for each in x]
    np.testing.assert_array_equal(codes, expected)


@pytest.mark.parametrize("rate_weight", [0.1, 100.0])
def test_what_lies_on_a_level_stays_there_whatever_is_frequent(rate_weight):
    frequency = tf.constant([0.0, 1e-9, 1.0 - 1e-9, 0.0])
    border = ops.borders(frequency, 1000, rate_weight)
    levels = np.arange(4, dtype=np.float32)
    for slip in (-1e-3, 0.0, 1e-3):
        np.testing.assert_array_equal(round_between(levels + slip, border, 4), levels)


def test_shares_and_entropy_by_hand():
    frequency = ops.shares(np.uint8([[0, 0], [1, 3]]), 4)
    np.testing.assert_array_equal(frequency, [0.5, 0.25, 0, 0.25])
    assert float(ops.entropy(frequency)) == 1.5


@pytest.mark.parametrize("scaling", ["symmetric", "affine"])
@pytest.mark.parametrize("rate_weight", [0.0, 0.15])
@pytest.mark.parametrize("bits", [0.5, 1.0, 2.0, 3.0])
def test_steps_have_the_entropy_that_was_asked_for(bits, rate_weight, scaling):
    step, offset = ops.steps_of_entropy(WEIGHTS, BUCKETING, 32, scaling, rate_weight, bits)
    frequency = ops.settled_frequency(WEIGHTS, step, offset, BUCKETING, 32, rate_weight)
    assert float(ops.entropy(frequency)) == pytest.approx(bits, abs=0.02)
    border = ops.borders(frequency, 2000, rate_weight)
    codes = ops.learned_step_codes(WEIGHTS, step, offset, BUCKETING, 32, border=border).codes
    assert float(ops.entropy(ops.shares(codes, 32))) == pytest.approx(bits, abs=0.03)


def test_too_few_levels_give_steps_that_clip_nothing():
    step, _ = ops.steps_of_entropy(WEIGHTS, BUCKETING, 8, "symmetric", 0.0, 3.0)
    ends = np.float32([-4, 3]) * step
    assert ends[0] <= np.min(WEIGHTS) + 1e-5
    assert np.max(WEIGHTS) - 1e-5 <= ends[1]


def test_columns_that_differ_all_count_in_large_tensors():
    """Of 2^20 weights the search looks at a part, which is not every fourth column."""
    deviations = np.where(np.arange(64) % 4 == 0, 0.02, 0.2)
    weights = (RNG.normal(size=(1024, 16, 64)) * deviations).astype(np.float32)
    flat = Bucketing(weights.shape, None, "flat")
    step, _ = ops.steps_of_entropy(tf.constant(weights), flat, 16, "symmetric", 0.15, 2.0)
    frequency = ops.settled_frequency(tf.constant(weights), step, None, flat, 16, 0.15)
    assert float(ops.entropy(frequency)) == pytest.approx(2.0, abs=0.02)


@pytest.mark.parametrize("value", [0.0, 0.1, -0.3, 1.0])
@pytest.mark.parametrize("scaling", ["symmetric", "affine"])
def test_constant_weights_have_steps_that_training_can_move(scaling, value):
    weights = tf.fill((40, 50), np.float32(value))
    steps = ops.steps_of_entropy(weights, BUCKETING, 16, scaling, 0.1, 2.0)
    assert steps[0] >= 0.99e-4
    least = ops.shortest_stretch(weights, *steps, BUCKETING, 16, (-8, 7))
    assert least == 0 or least * steps[0] >= 0.99e-4


def test_small_differences_from_a_large_mean_count():
    weights = 1.0 + 1e-5 * WEIGHTS
    step, _ = ops.steps_of_entropy(weights, BUCKETING, 16, "affine", 0.1, 2.0)
    spread = float(tf.reduce_max(tf.abs(weights - 1.0)))
    assert 0.02 * spread < step < spread


def test_a_step_of_0_spares_a_finite_number_of_bits():
    bucketing = Bucketing((40, 50), None, "channel", (-1,))
    step = tf.Variable(np.float32([0.0] + [0.5] * 49))
    with tf.GradientTape() as tape:
        spared = ops.bits_spared_by_steps(step, bucketing)
    gradient = tape.gradient(spared, step)
    assert np.isfinite(spared)
    np.testing.assert_allclose(gradient, [0.0] + [40 / 0.5 / np.log(2)] * 49, rtol=1e-5)


def test_points_spare_what_steps_of_their_gaps_would():
    frequency = tf.constant(RNG.dirichlet(np.ones(5)).astype(np.float32))
    for gap in (0.5, 1.0, 3.0):
        points = gap * tf.constant([-2.0, -1.0, 0.0, 1.0, 2.0])
        spared = ops.bits_spared_by_points(points, frequency, 2000)
        np.testing.assert_allclose(spared, 2000 * np.log2(gap), rtol=1e-5, atol=1e-3)
    uneven = ops.bits_spared_by_points(tf.constant([0.0, 1.0, 4.0]), frequency[:3], 10)
    by_hand = 10 * np.sum(frequency[:3].numpy() * np.log2([1, 2, 3]))
    np.testing.assert_allclose(uneven, by_hand, rtol=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_stretched_steps_leave_the_middle_where_it_is(sign):
    """The sign of a step counts for nothing."""
    step, offset = np.float32([0.5 * sign]), np.float32([-4.0])
    longer, moved = ops.stretched(step, offset, 2.0, 16)
    np.testing.assert_array_equal(longer, [1.0 * sign])
    assert moved[0] + 8 * 1.0 == offset[0] + 8 * 0.5


def test_less_is_stored_for_the_same_error():
    """What bends the curve: at equal squared error fewer bits than rounding to the nearest."""

    def curve(rate_weight):
        found = []
        for bits in np.arange(1.0, 3.0, 0.1):
            step, _ = ops.steps_of_entropy(WEIGHTS, BUCKETING, 64, "symmetric", rate_weight, bits)
            frequency = ops.settled_frequency(WEIGHTS, step, None, BUCKETING, 64, rate_weight)
            border = ops.borders(frequency, 2000, rate_weight)
            quantized = ops.learned_step(WEIGHTS, step, None, BUCKETING, 64, border=border)
            error = float(tf.reduce_mean((WEIGHTS - quantized) ** 2))
            found.append((float(ops.entropy(frequency)), error))
        return np.array(found)

    nearest, weighed = curve(0.0), curve(0.12)
    for error in (0.1, 0.2, 0.3):
        bits = [np.interp(-error, -each[:, 1], each[:, 0]) for each in (nearest, weighed)]
        assert bits[1] < bits[0] - 0.03


def test_more_codes_than_float32_counts_are_counted():
    codes = tf.zeros([2**24 + 2**22], tf.uint8)
    assert float(ops.shares(codes, 4)[0]) == 1


def test_positions_of_nan_have_codes_of_nan():
    border = tf.constant([0.4, 0.5, 0.6])
    codes = round_between(tf.constant([np.nan, 1.4, np.inf]), border, 4)
    np.testing.assert_array_equal(codes, [np.nan, 1, 3])
