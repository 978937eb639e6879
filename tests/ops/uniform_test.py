"""Uniform quantization against plain numpy, by hand and by property."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from numpy_quantization import cases, quantize, uniform_grid

from tfqd import ops
from tfqd.spec.bucketing import Bucketing

SEED = tf.constant([2, 7])


def one_bucket(*shape):
    return Bucketing(shape, None)


def quantized(case, seed=None):
    return ops.uniform(case.weights, case.bucketing, case.levels, case.scaling, seed=seed).numpy()


@given(cases())
def test_equals_the_plain_numpy_version(case):
    found = quantized(case).reshape(-1)
    for bucket in quantize(
        case.weights, case.bucketing, uniform_grid(case.bits, case.scaling), case.scaling
    ):
        sure = ~bucket.is_tie
        largest = np.abs(case.weights.reshape(-1)[bucket.indices]).max()
        np.testing.assert_allclose(
            found[bucket.indices[sure]], bucket.values[sure], rtol=0, atol=1e-6 * largest
        )


@given(cases())
def test_codes_equal_the_plain_numpy_versions(case):
    stored = ops.uniform_codes(case.weights, case.bucketing, case.levels, case.scaling)
    codes = stored.codes.numpy().reshape(-1)
    assert stored.codes.dtype == tf.uint8
    grid = uniform_grid(case.bits, case.scaling)
    for bucket in quantize(case.weights, case.bucketing, grid, case.scaling):
        # A constant affine bucket has only one value, its offset: any code would do.
        sure = ~bucket.is_tie & (bucket.scale > 0)
        np.testing.assert_array_equal(codes[bucket.indices[sure]], bucket.codes[sure])


@given(cases(), st.booleans())
def test_a_bucket_takes_at_most_k_values_on_the_grid(case, stochastic):
    found = quantized(case, SEED if stochastic else None).reshape(-1)
    grid = uniform_grid(case.bits, case.scaling)
    assert len(grid) <= 2**case.bits
    for bucket in quantize(case.weights, case.bucketing, grid, case.scaling):
        values = np.unique(found[bucket.indices])
        assert len(values) <= len(grid)
        levels = bucket.scale * grid + bucket.offset
        distance = np.abs(values[:, None] - levels).min(axis=1)
        assert (distance <= 1e-6 * np.abs(levels).max()).all()


@given(cases())
def test_scaled_values_are_at_most_k_over_the_whole_tensor(case):
    stored = ops.uniform_codes(case.weights, case.bucketing, case.levels, case.scaling)
    assert len(np.unique(stored.codes)) <= case.levels <= 2**case.bits


@given(cases())
def test_error_is_at_most_half_a_step(case):
    error = np.abs(quantized(case) - case.weights).reshape(-1)
    weights = np.abs(case.weights).reshape(-1)
    grid = uniform_grid(case.bits, case.scaling)
    for bucket in quantize(case.weights, case.bucketing, grid, case.scaling):
        half_step = bucket.scale * (grid[1] - grid[0]) / 2
        assert error[bucket.indices].max() <= half_step + 1e-6 * weights[bucket.indices].max()


@given(cases(), st.integers(0, 2**31 - 1))
def test_stochastic_error_is_less_than_a_step(case, seed):
    error = np.abs(quantized(case, tf.constant([seed, 0])) - case.weights).reshape(-1)
    weights = np.abs(case.weights).reshape(-1)
    grid = uniform_grid(case.bits, case.scaling)
    for bucket in quantize(case.weights, case.bucketing, grid, case.scaling):
        step = bucket.scale * (grid[1] - grid[0])
        assert error[bucket.indices].max() <= step + 1e-6 * weights[bucket.indices].max()


@given(cases(), st.integers(0, 2**31 - 1))
def test_weights_on_the_grid_never_move(case, seed):
    on_grid = quantized(case)
    second = dataclasses.replace(case, weights=on_grid)
    for again in (quantized(second), quantized(second, tf.constant([seed, 1]))):
        np.testing.assert_allclose(again, on_grid, rtol=0, atol=1e-6 * np.abs(on_grid).max())


def test_two_bits_by_hand():
    weights = tf.constant([0.0, 1.0, 2.0, 6.0])
    bucketing = one_bucket(4)
    stored = ops.uniform_codes(weights, bucketing, 4)
    assert stored.codes.numpy().tolist() == [0, 0, 1, 3]  # 1 lies halfway: to the even code
    assert (stored.scale.numpy(), stored.offset.numpy()) == ([6], [0])
    assert ops.uniform(weights, bucketing, 4).numpy().tolist() == [0, 0, 2, 6]


def test_ties_go_to_the_even_code():
    weights = tf.constant([0.0, 0.5, 1.5, 2.5, 3.0])
    assert ops.uniform(weights, one_bucket(5), 4).numpy().tolist() == [0, 0, 2, 2, 3]


def test_buckets_of_two_by_hand():
    weights = tf.constant([[0.0, 8.0], [1.0, 2.0], [5.0, 7.0]])
    flat = ops.uniform(weights, Bucketing((3, 2), 4), 2)
    assert flat.numpy().tolist() == [[0, 8], [0, 0], [5, 7]]
    channel = ops.uniform(weights, Bucketing((3, 2), None, "channel"), 2)
    assert channel.numpy().tolist() == [[0, 8], [0, 2], [5, 8]]


def test_symmetric_by_hand():
    weights = tf.constant([-7.0, 0.4, 0.0, 2.6, 6.6])
    stored = ops.uniform_codes(weights, one_bucket(5), 15, "symmetric")
    assert stored.codes.numpy().tolist() == [0, 7, 7, 10, 14]
    assert stored.offset is None
    found = ops.uniform(weights, one_bucket(5), 15, "symmetric").numpy()
    assert found.tolist() == [-7, 0, 0, 3, 7]


def test_one_symmetric_bit_is_the_sign_times_the_scale():
    weights = tf.constant([-3.0, -0.1, 0.2, 2.0])
    found = ops.uniform(weights, one_bucket(4), 2, "symmetric").numpy()
    assert found.tolist() == [-3, -3, 3, 3]


@pytest.mark.parametrize("bits", range(1, 9))
def test_the_affine_grid_is_the_papers(bits):
    levels = 2**bits
    fine = tf.linspace(0.0, 1.0, 4 * levels)
    found = np.unique(ops.uniform(fine, one_bucket(4 * levels), levels))
    np.testing.assert_allclose(found, np.arange(levels) / (levels - 1), atol=1e-7)
    assert (found[0], found[-1]) == (0, 1)


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("scale", [1.0, 0.3, 7e-5])
def test_symmetric_values_are_exactly_integers_times_one_float(bits, scale):
    largest = 2 ** (bits - 1) - 1
    fine = scale * np.linspace(-1, 1, 2001, dtype=np.float32)
    found = ops.uniform(fine, one_bucket(2001), 2 * largest + 1, "symmetric").numpy()
    step = np.abs(fine).max() / np.float32(largest)
    integers = np.arange(-largest, largest + 1, dtype=np.float32)
    assert step.dtype == np.float32
    np.testing.assert_array_equal(np.unique(found), integers * step)
    assert 0 in found


@pytest.mark.parametrize("value", [0.0, 1.0, -0.3, 1e-12, 1e6])
@pytest.mark.parametrize("seed", [None, SEED])
def test_a_constant_bucket_keeps_its_value(value, seed):
    weights = tf.fill([3, 5], value)
    np.testing.assert_array_equal(
        ops.uniform(weights, Bucketing((3, 5), 4), 16, seed=seed), weights
    )


def test_a_range_below_the_smallest_scale_counts_as_constant():
    weights = tf.constant([0.0, 0.9e-10, 0.5e-10])
    assert ops.uniform(weights, one_bucket(3), 16).numpy().tolist() == [0, 0, 0]


@pytest.mark.parametrize("levels", [2, 3, 15])
def test_a_symmetric_bucket_of_zeros_stays_zero(levels):
    weights = tf.zeros([6])
    for seed in (None, SEED):
        found = ops.uniform(weights, one_bucket(6), levels, "symmetric", seed=seed)
        assert found.numpy().tolist() == [0] * 6


def test_a_symmetric_bucket_of_zeros_has_the_code_of_zero():
    stored = ops.uniform_codes(tf.zeros([6]), one_bucket(6), 15, "symmetric")
    assert stored.codes.numpy().tolist() == [7] * 6


@pytest.mark.parametrize("scaling", ["affine", "symmetric"])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
def test_a_single_weight_keeps_its_value(scaling, shape):
    weights = tf.fill(shape, -0.7)
    for bits in (1, 4):
        levels = len(uniform_grid(bits, scaling))
        found = ops.uniform(weights, Bucketing(shape), levels, scaling)
        np.testing.assert_array_equal(found, weights)


@pytest.mark.parametrize("scaling", ["affine", "symmetric"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_stochastic_rounding_is_unbiased(scaling, bits):
    draws, grid, bucketing = 400, uniform_grid(bits, scaling), Bucketing((280,), 32)
    weights = tf.random.stateless_normal([280], [5, bits])
    step, position = np.empty((2, 280))
    for bucket in quantize(weights, bucketing, grid, scaling):
        step[bucket.indices] = bucket.scale * (grid[1] - grid[0])
        position[bucket.indices] = weights.numpy()[bucket.indices] - bucket.offset
    position = position / step - grid[0] / (grid[1] - grid[0])

    draw = tf.function(lambda seed: ops.uniform(weights, bucketing, len(grid), scaling, seed=seed))
    errors = [draw(tf.constant([11, index])).numpy() - weights for index in range(draws)]

    mean = np.mean(errors, axis=0, dtype=np.float64) / step
    fraction = position - np.floor(position)
    deviation = np.sqrt(fraction * (1 - fraction) / draws)
    assert abs(mean.sum()) < 4 * math.sqrt((deviation**2).sum())
    between = deviation > 0.2 / math.sqrt(draws)
    scores = mean[between] / deviation[between]
    assert np.abs(scores).max() < 5
    assert 0.8 < scores.std() < 1.2


def test_deterministic_rounding_is_not_unbiased():
    weights = tf.constant([0.0, 0.3, 0.3, 1.0])
    assert ops.uniform(weights, one_bucket(4), 2).numpy().mean() < 0.3


def test_a_million_weights_on_the_finest_grid_stay_where_they_are():
    random = np.random.default_rng(0)
    coarse = random.normal(1, 0.02, size=2**20).astype(np.float32)
    bucketing = Bucketing(coarse.shape, 256)
    on_grid = ops.uniform(coarse, bucketing, 256)
    codes = ops.uniform_codes(on_grid, bucketing, 256).codes.numpy()
    again = ops.uniform(on_grid, bucketing, 256, seed=SEED)
    np.testing.assert_array_equal(ops.uniform_codes(again, bucketing, 256).codes, codes)
    np.testing.assert_allclose(again, on_grid, rtol=0, atol=3e-7)


def test_the_seed_decides_where_weights_go():
    weights = tf.random.stateless_normal([40, 30], [0, 1])
    bucketing = Bucketing((40, 30), 64)
    first, same, other = (
        ops.uniform(weights, bucketing, 16, seed=tf.constant(seed)).numpy()
        for seed in ([1, 2], [1, 2], [1, 3])
    )
    np.testing.assert_array_equal(first, same)
    assert np.mean(first != other) > 0.2


@pytest.mark.parametrize("seed", [None, SEED])
def test_gradient_is_straight_through(seed):
    weights = tf.random.stateless_normal([6, 7], [3, 3])
    upstream = tf.random.stateless_normal([6, 7], [4, 4])
    with tf.GradientTape() as tape:
        tape.watch(weights)
        loss = tf.reduce_sum(upstream * ops.uniform(weights, Bucketing((6, 7), 8), 4, seed=seed))
    np.testing.assert_array_equal(tape.gradient(loss, weights), upstream)


def test_clip_quantizes_the_clipped_weights_and_stops_the_gradient_outside():
    weights = tf.constant([-3.0, -1.0, 0.2, 1.0, 1.5])
    with tf.GradientTape() as tape:
        tape.watch(weights)
        found = ops.uniform(weights, one_bucket(5), 4, clip=1.0)
    inside = tf.clip_by_value(weights, -1.0, 1.0)
    np.testing.assert_array_equal(found, ops.uniform(inside, one_bucket(5), 4))
    assert tape.gradient(found, weights).numpy().tolist() == [0, 1, 1, 1, 0]
    clipped_codes = ops.uniform_codes(weights, one_bucket(5), 4, clip=1.0)
    np.testing.assert_array_equal(clipped_codes.scale, [2])
