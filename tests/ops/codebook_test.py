"""Nearest-point quantization and Eq. 6, against plain numpy, by hand and by autodiff."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from numpy_quantization import bucket_indices, cases, quantize, scale_and_offset

from tfqd import ops
from tfqd.spec.bucketing import Bucketing

seeds = st.integers(0, 2**32 - 1)
# The layouts in which a tensor has one; see several_codebooks_test for the others.
ONE_CODEBOOK = ("flat", "channel")


def random_points(case, seed):
    """2^bits points in and around the scaled domain, in no order."""
    low = -1.2 if case.scaling == "symmetric" else -0.2
    points = np.random.default_rng(seed).uniform(low, 1.2, 2**case.bits)
    return tf.constant(points, tf.float32)


def gradients(weights, points, upstream, *arguments, **options):
    """Gradients to weights and points of sum(upstream * codebook(...))."""
    weights = tf.constant(weights)
    with tf.GradientTape() as tape:
        tape.watch([weights, points])
        loss = tf.reduce_sum(upstream * ops.codebook(weights, points, *arguments, **options))
    return tape.gradient(loss, [weights, points])


@given(cases(ONE_CODEBOOK), seeds)
def test_every_weight_goes_to_its_nearest_point(case, seed):
    points = random_points(case, seed)
    found = ops.codebook(case.weights, points, case.bucketing, case.scaling).numpy().reshape(-1)
    ascending = np.sort(points)
    for bucket in quantize(case.weights, case.bucketing, ascending, case.scaling):
        sure = ~bucket.is_tie
        largest = np.abs(case.weights.reshape(-1)[bucket.indices]).max()
        np.testing.assert_allclose(
            found[bucket.indices[sure]], bucket.values[sure], rtol=0, atol=1e-6 * largest
        )


@given(cases(ONE_CODEBOOK), seeds)
def test_a_bucket_takes_at_most_k_values_and_the_tensor_k_codes(case, seed):
    points = random_points(case, seed)
    found = ops.codebook(case.weights, points, case.bucketing, case.scaling).numpy().reshape(-1)
    stored = ops.codebook_codes(case.weights, points, case.bucketing, case.scaling)
    assert len(np.unique(stored.codes)) <= 2**case.bits
    for indices in bucket_indices(case.bucketing):
        assert len(np.unique(found[indices])) <= 2**case.bits


@given(cases(ONE_CODEBOOK), seeds)
def test_stored_form_holds_sorted_points_and_each_buckets_range(case, seed):
    points = random_points(case, seed)
    stored = ops.codebook_codes(case.weights, points, case.bucketing, case.scaling)
    assert stored.codes.dtype == tf.uint8
    assert stored.codes.shape == case.weights.shape
    np.testing.assert_array_equal(stored.points, np.sort(points))
    flat = case.weights.reshape(-1)
    ranges = [scale_and_offset(flat[i], case.scaling) for i in bucket_indices(case.bucketing)]
    np.testing.assert_allclose(stored.scale, [scale for scale, _ in ranges], rtol=1e-6)
    if case.scaling == "symmetric":
        assert stored.offset is None
    else:
        np.testing.assert_array_equal(stored.offset, [offset for _, offset in ranges])


@given(cases(ONE_CODEBOOK), seeds)
def test_point_gradient_is_equation_6(case, seed):
    points = random_points(case, seed)
    upstream = np.random.default_rng(seed + 1).normal(size=case.weights.shape).astype(np.float32)
    _, found = gradients(case.weights, points, upstream, case.bucketing, case.scaling)

    stored = ops.codebook_codes(case.weights, points, case.bucketing, case.scaling)
    codes, flat, order = stored.codes.numpy().reshape(-1), upstream.reshape(-1), np.argsort(points)
    expected, magnitude = np.zeros((2, 2**case.bits))
    for indices in bucket_indices(case.bucketing):
        scale, _ = scale_and_offset(case.weights.reshape(-1)[indices], case.scaling)
        for index in indices:
            expected[order[codes[index]]] += scale * float(flat[index])
            magnitude[order[codes[index]]] += scale * abs(float(flat[index]))
    np.testing.assert_array_less(np.abs(found - expected), 1e-5 * magnitude + 1e-30)


@given(cases(ONE_CODEBOOK), seeds)
def test_point_gradient_is_that_of_a_lookup_with_fixed_codes(case, seed):
    points = random_points(case, seed)
    upstream = tf.random.stateless_normal(case.weights.shape, [seed % 2**31, 0])
    _, found = gradients(case.weights, points, upstream, case.bucketing, case.scaling)

    stored = ops.codebook_codes(case.weights, points, case.bucketing, case.scaling)
    places = tf.gather(tf.argsort(points), tf.cast(stored.codes, tf.int32))
    scale = np.empty(case.bucketing.size, np.float32)
    for indices, alpha in zip(bucket_indices(case.bucketing), stored.scale.numpy(), strict=True):
        scale[indices] = alpha
    with tf.GradientTape() as tape:
        tape.watch(points)
        loss = tf.reduce_sum(
            upstream * scale.reshape(case.weights.shape) * tf.gather(points, places)
        )
    expected = tf.convert_to_tensor(tape.gradient(loss, points))
    tolerance = 1e-5 * float(tf.reduce_sum(tf.abs(upstream))) * scale.max() + 1e-30
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=tolerance)


@given(cases(ONE_CODEBOOK), seeds)
def test_weight_gradient_is_straight_through(case, seed):
    upstream = tf.random.stateless_normal(case.weights.shape, [seed % 2**31, 0])
    points = random_points(case, seed)
    found, _ = gradients(case.weights, points, upstream, case.bucketing, case.scaling)
    np.testing.assert_array_equal(found, upstream)


@given(cases(ONE_CODEBOOK), seeds)
def test_the_points_order_does_not_matter(case, seed):
    points = random_points(case, seed)
    order = np.random.default_rng(seed).permutation(2**case.bits)
    shuffled = tf.gather(points, order)
    arguments = (case.bucketing, case.scaling)
    np.testing.assert_array_equal(
        ops.codebook(case.weights, shuffled, *arguments),
        ops.codebook(case.weights, points, *arguments),
    )
    upstream = tf.ones(case.weights.shape)
    _, of_points = gradients(case.weights, points, upstream, *arguments)
    _, of_shuffled = gradients(case.weights, shuffled, upstream, *arguments)
    np.testing.assert_array_equal(of_shuffled, tf.gather(of_points, order))


def test_two_bits_by_hand():
    weights, points = tf.constant([0.0, 1.0, 2.0, 10.0]), tf.constant([0.9, 0.0, 0.3, 0.6])
    bucketing = Bucketing((4,), None)
    stored = ops.codebook_codes(weights, points, bucketing)
    assert stored.codes.numpy().tolist() == [0, 0, 1, 3]
    np.testing.assert_allclose(ops.codebook(weights, points, bucketing), [0, 0, 3, 9], rtol=1e-6)
    upstream = tf.constant([1.0, 2.0, 4.0, 8.0])
    _, to_points = gradients(weights, points, upstream, bucketing)
    np.testing.assert_allclose(to_points, [80, 30, 40, 0], rtol=1e-6)


def test_each_bucket_has_its_own_alpha_and_padding_counts_for_nothing():
    # Buckets [0, 1, 2, 3] and [0, 10] with two times its last weight as padding.
    weights, points = tf.constant([0.0, 1.0, 2.0, 3.0, 0.0, 10.0]), tf.constant([0.0, 1.0])
    _, to_points = gradients(weights, points, tf.ones(6), Bucketing((6,), 4))
    assert to_points.numpy().tolist() == [3 + 3 + 10, 3 + 3 + 10]
    _, to_points = gradients(weights, points, tf.ones(6), Bucketing((6,), 256))
    assert to_points.numpy().tolist() == [50, 10]


def test_channels_have_their_own_alpha():
    weights, points = tf.constant([[0.0, 0.0], [1.0, 20.0], [3.0, 40.0]]), tf.constant([0.0, 1.0])
    _, flat = gradients(weights, points, tf.ones((3, 2)), Bucketing((3, 2), None))
    assert flat.numpy().tolist() == [5 * 40, 40]
    bucketing = Bucketing((3, 2), 2, "channel")
    _, channel = gradients(weights, points, tf.ones((3, 2)), bucketing)
    # Buckets (0, 1) and (3) of the first channel, (0, 20) and (40) of the second.
    assert channel.numpy().tolist() == [1 + 20, 1 + 20]


@pytest.mark.parametrize("points", [[0.0, 1.0], [0.3, 0.7], [-5.0, 5.0]])
@pytest.mark.parametrize("value", [0.0, 1.0, -0.3, 1e-12, 1e6])
def test_a_constant_bucket_keeps_its_value_whatever_the_points(points, value):
    weights, bucketing = tf.fill([3, 5], value), Bucketing((3, 5), 4)
    points = tf.constant(points)
    np.testing.assert_array_equal(ops.codebook(weights, points, bucketing), weights)
    _, to_points = gradients(weights, points, tf.ones((3, 5)), bucketing)
    assert to_points.numpy().tolist() == [0, 0]


def test_a_single_weight_keeps_its_value():
    for shape in ((), (1,), (1, 1)):
        weights = tf.fill(shape, -0.7)
        found = ops.codebook(weights, tf.constant([0.2, 0.4]), Bucketing(shape))
        np.testing.assert_array_equal(found, weights)


def test_a_symmetric_bucket_of_zeros_stays_zero():
    found = ops.codebook(tf.zeros(6), tf.constant([-0.9, 0.4]), Bucketing((6,)), "symmetric")
    assert found.numpy().tolist() == [0] * 6


def test_clip_quantizes_the_clipped_weights_and_stops_the_gradient_outside():
    weights, points = tf.constant([-3.0, -1.0, 0.2, 1.0, 1.5]), tf.constant([0.0, 0.5, 1.0])
    bucketing = Bucketing((5,), None)
    inside = tf.clip_by_value(weights, -1.0, 1.0)
    np.testing.assert_array_equal(
        ops.codebook(weights, points, bucketing, clip=1.0), ops.codebook(inside, points, bucketing)
    )
    to_weights, to_points = gradients(weights, points, tf.ones(5), bucketing, clip=1.0)
    assert to_weights.numpy().tolist() == [0, 1, 1, 1, 0]
    np.testing.assert_allclose(to_points, [4, 2, 4])  # every weight counts, alpha = 2


@pytest.mark.parametrize("levels", [2, 16, 256])
def test_uniform_points_span_the_scaled_domain_evenly(levels):
    np.testing.assert_allclose(
        ops.uniform_points(levels), np.arange(levels) / (levels - 1), atol=1e-7
    )
    symmetric = ops.uniform_points(levels, "symmetric")
    np.testing.assert_allclose(symmetric, -symmetric[::-1], atol=1e-7)
    assert (symmetric[0], symmetric[-1], symmetric.dtype) == (-1, 1, np.float32)


@given(cases(ONE_CODEBOOK), st.sampled_from([None, 0.5]))
def test_quantile_points_are_the_percentiles_of_the_scaled_weights(case, clip):
    found = ops.quantile_points(case.weights, 5, case.bucketing, case.scaling, clip)
    flat = case.weights.reshape(-1).astype(np.float64)
    flat = flat if clip is None else np.clip(flat, -clip, clip)
    scaled = np.empty_like(flat)
    for indices in bucket_indices(case.bucketing):
        scale, offset = scale_and_offset(flat[indices], case.scaling)
        scaled[indices] = (flat[indices] - offset) / scale if scale else 0
    expected = np.percentile(scaled, np.linspace(0, 100, 5))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
