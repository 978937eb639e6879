"""Codebooks of tiles, of output channels or groups of them, next to one codebook each."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from numpy_quantization import bucket_indices, cases, scale_and_offset

from tfqd import ops
from tfqd.ops import nearest
from tfqd.spec.bucketing import Bucketing

seeds = st.integers(0, 2**32 - 1)
GROUPS = st.integers(1, 7)
SEVERAL = ("channel", "tile")


def several(case, channels, seed):
    """Random points, one codebook a tile or every `channels` channels."""
    count = 1 + book_of_weights(case.bucketing, channels).max()
    low = -1.2 if case.scaling == "symmetric" else -0.2
    levels = max(2, 2**case.bits - seed % 3)  # not always a power of two
    points = np.random.default_rng(seed).uniform(low, 1.2, (count, levels))
    return tf.constant(points, tf.float32)


def book_of_weights(bucketing, channels):
    """The codebook of each weight, in row-major order."""
    books = np.empty(bucketing.size, np.int32)
    for i, indices in enumerate(bucket_indices(bucketing)):
        is_tile = bucketing.layout == "tile"
        books[indices] = i if is_tile else i // bucketing.buckets_per_row // channels
    return books


def sharing(case, channels):
    """How the ops are told of the codebooks, tiles having one each."""
    return {"channels_per_codebook": None if case.bucketing.layout == "tile" else channels}


def quantized(weights, points, case, channels, **options):
    options |= sharing(case, channels)
    return ops.codebook(weights, points, case.bucketing, case.scaling, **options)


def stored_form(points, case, channels):
    options = sharing(case, channels)
    return ops.codebook_codes(case.weights, points, case.bucketing, case.scaling, **options)


@given(cases(SEVERAL), GROUPS, seeds)
def test_each_group_is_quantized_by_its_own_codebook(case, channels, seed):
    points = several(case, channels, seed)
    found = quantized(case.weights, points, case, channels).numpy().reshape(-1)
    books = book_of_weights(case.bucketing, channels)
    for book in range(len(points)):
        everywhere = tf.repeat(points[book : book + 1], len(points), axis=0)
        alone = quantized(case.weights, everywhere, case, channels)
        here = books == book
        np.testing.assert_array_equal(found[here], alone.numpy().reshape(-1)[here])


@given(cases(SEVERAL), GROUPS, seeds)
def test_stored_form_gives_the_same_weights(case, channels, seed):
    points = several(case, channels, seed)
    stored = stored_form(points, case, channels)
    np.testing.assert_array_equal(stored.points, np.sort(points, axis=1))
    assert stored.channels_per_codebook == sharing(case, channels)["channels_per_codebook"]
    codes = stored.codes.numpy().reshape(-1)
    chosen = stored.points.numpy()[book_of_weights(case.bucketing, channels), codes]
    expected = quantized(case.weights, points, case, channels).numpy().reshape(-1)
    for i, indices in enumerate(bucket_indices(case.bucketing)):
        offset = 0 if stored.offset is None else stored.offset[i]
        values = chosen[indices] * stored.scale[i] + offset
        np.testing.assert_array_equal(values, expected[indices])


@given(cases(SEVERAL), GROUPS, seeds)
def test_gradient_is_equation_6_in_each_codebook(case, channels, seed):
    points = several(case, channels, seed)
    upstream = np.random.default_rng(seed + 1).normal(size=case.weights.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(points)
        loss = tf.reduce_sum(upstream * quantized(case.weights, points, case, channels))
    found = tape.gradient(loss, points)

    stored = stored_form(points, case, channels)
    codes, flat, order = stored.codes.numpy().reshape(-1), upstream.reshape(-1), np.argsort(points)
    books = book_of_weights(case.bucketing, channels)
    expected, magnitude = np.zeros((2, *points.shape))
    for indices in bucket_indices(case.bucketing):
        scale, _ = scale_and_offset(case.weights.reshape(-1)[indices], case.scaling)
        for index in indices:
            place = books[index], order[books[index], codes[index]]
            expected[place] += scale * float(flat[index])
            magnitude[place] += scale * abs(float(flat[index]))
    np.testing.assert_array_less(np.abs(found - expected), 1e-5 * magnitude + 1e-30)


@given(cases(SEVERAL), GROUPS, seeds)
def test_gradient_is_that_of_a_lookup_with_fixed_codes(case, channels, seed):
    points = several(case, channels, seed)
    upstream = tf.random.stateless_normal(case.weights.shape, [seed % 2**31, 0])
    with tf.GradientTape() as tape:
        tape.watch(points)
        loss = tf.reduce_sum(upstream * quantized(case.weights, points, case, channels))
    found = tape.gradient(loss, points)

    stored = stored_form(points, case, channels)
    books = book_of_weights(case.bucketing, channels)
    codes = stored.codes.numpy().reshape(-1)
    places = np.stack([books, np.argsort(points)[books, codes]], axis=1)
    scale = np.empty(case.bucketing.size, np.float32)
    for i, indices in enumerate(bucket_indices(case.bucketing)):
        scale[indices] = stored.scale[i]
    with tf.GradientTape() as tape:
        tape.watch(points)
        values = scale * tf.gather_nd(points, places)
        loss = tf.reduce_sum(upstream * tf.reshape(values, case.weights.shape))
    expected = tf.convert_to_tensor(tape.gradient(loss, points))
    tolerance = 1e-5 * float(tf.reduce_sum(tf.abs(upstream))) * scale.max() + 1e-30
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=tolerance)


def test_two_channels_a_codebook_by_hand():
    weights = tf.constant([[0.0, 0.0, 0.0], [1.0, 20.0, 3.0], [4.0, 40.0, 5.0]])
    points = tf.constant([[1.0, 0.0], [0.2, 0.6]])
    bucketing = Bucketing((3, 3), None, "channel")
    with tf.GradientTape() as tape:
        tape.watch(points)
        found = ops.codebook(weights, points, bucketing, channels_per_codebook=2)
    np.testing.assert_allclose(found, [[0, 0, 1], [0, 0, 3], [4, 40, 3]], rtol=1e-6)
    # alpha is 4, 40 and 5; 20 / 40 lies halfway, where the lower point wins.
    np.testing.assert_allclose(tape.gradient(found, points), [[44, 88], [5, 10]])


LAYOUTS = {
    "channels last": Bucketing((3, 3, 7, 20), 16, "channel"),
    "channels first": Bucketing((40, 30), None, "channel", (0,)),
    "channels in the middle": Bucketing((5, 12, 9), 8, "channel", (1,)),
    "large": Bucketing((300, 230), 64, "channel"),
    "tiles": Bucketing((3, 3, 7, 20), (8, 50), "tile"),
    "large, tiles": Bucketing((300, 230), (8, 64), "tile"),
}


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_graphs_compute_the_eager_gradients(layout, jit_compile):
    bucketing = LAYOUTS[layout]
    assert bucketing.size >= nearest.FUSE_FROM or "large" not in layout
    channels = None if bucketing.layout == "tile" else 3
    weights = tf.random.stateless_normal(bucketing.shape, [1, 2])
    points = tf.random.stateless_uniform([bucketing.codebook_count(channels), 11], [3, 4])

    def step(points):
        with tf.GradientTape() as tape:
            tape.watch(points)
            quantized = ops.codebook(
                weights, points, bucketing, training=True, channels_per_codebook=channels
            )
        return quantized, tape.gradient(quantized, points, tf.cos(weights))

    eager = step(points)
    compiled = tf.function(step, jit_compile=jit_compile)(points)
    np.testing.assert_allclose(compiled[0], eager[0], rtol=0, atol=2e-6)
    np.testing.assert_allclose(compiled[1], eager[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("largest", [7, 127])
@pytest.mark.parametrize("channels", [None, 2])
def test_points_that_are_integers_are_in_steps_of_the_scale(largest, channels):
    bucketing = Bucketing((9, 5), 4, "channel")
    weights = tf.random.stateless_normal(bucketing.shape, [1, 2])
    # Apart from each other: equal points share their weights as float32 places these.
    noise = tf.random.stateless_uniform([8] if channels is None else [3, 8], [3, 4], -0.06, 0.06)
    points = tf.random.experimental.stateless_shuffle(tf.linspace(-0.95, 0.95, 8), [5, 6]) + noise
    with tf.GradientTape() as tape:
        tape.watch(points)
        integers = ops.to_integers(points, largest)
        found = ops.codebook(
            weights, integers, bucketing, "symmetric", channels_per_codebook=channels, steps=largest
        )
    np.testing.assert_array_equal(integers, np.rint(points * largest))
    stored = ops.codebook_codes(
        weights, integers, bucketing, "symmetric", channels_per_codebook=channels, steps=largest
    )
    alpha = [
        np.abs(weights.numpy().reshape(-1)[indices]).max() for indices in bucket_indices(bucketing)
    ]
    np.testing.assert_array_equal(stored.scale, np.float32(alpha) / np.float32(largest))
    plain = ops.codebook(
        weights, integers / largest, bucketing, "symmetric", channels_per_codebook=channels
    )
    np.testing.assert_allclose(found, plain, rtol=1e-5, atol=1e-6)
    with tf.GradientTape() as scaled:
        scaled_points = tf.constant(integers / largest)
        scaled.watch(scaled_points)
        plain = ops.codebook(
            weights, scaled_points, bucketing, "symmetric", channels_per_codebook=channels
        )
    np.testing.assert_allclose(
        tape.gradient(found, points), scaled.gradient(plain, scaled_points), rtol=1e-4, atol=1e-5
    )


def test_integers_stay_within_their_type_and_pass_the_gradient():
    x = tf.constant([-3.0, -1.0, 0.004, 0.5, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        integers = ops.to_integers(x, 127)
    assert integers.numpy().tolist() == [-127, -127, 1, 64, 127]
    assert tape.gradient(integers, x).numpy().tolist() == [127] * 5
