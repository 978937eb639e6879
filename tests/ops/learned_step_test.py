"""LSQ and LSQ+ against plain numpy, by hand and by automatic differentiation."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy_quantization import bucket_indices, cases

from tfqd import ops
from tfqd.spec.bucketing import Bucketing
from tfqd.spec.grid import zero_code

seeds = st.integers(0, 2**32 - 1)


class Learned:
    """Random steps and offsets for a case; steps of both signs, ranges that clip."""

    def __init__(self, case, seed):
        random = np.random.default_rng(seed)
        self.levels, count = 2**case.bits, case.bucketing.count
        spread = np.abs(case.weights).mean() + 1e-3
        step = 3 * spread * random.uniform(0.3, 1.5, count) / self.levels
        self.step = np.float32(step * random.choice([-1, 1], count))
        affine = case.scaling == "affine"
        self.offset = np.float32(random.normal(0, spread, count)) if affine else None
        self.zero = 0.0 if affine else zero_code(self.levels)
        self.bucketing = case.bucketing

    @property
    def arguments(self):
        return self.step, self.offset, self.bucketing, self.levels

    def positions(self, weights):
        """Of the weights of each bucket: indices, |step|, offset and positions in float64."""
        flat = weights.reshape(-1).astype(np.float64)
        for i, indices in enumerate(bucket_indices(self.bucketing)):
            step = abs(float(self.step[i]))
            offset = 0.0 if self.offset is None else float(self.offset[i])
            yield indices, step, offset, (flat[indices] - offset) / step + self.zero


def gradients(weights, learned, upstream):
    """Gradients to weights, steps and offsets of sum(upstream * learned_step(...))."""
    step, offset, bucketing, levels = learned.arguments
    sources = [tf.constant(each) for each in (weights, step, offset) if each is not None]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        quantized = ops.learned_step(*[*sources, None][:3], bucketing, levels)
        loss = tf.reduce_sum(upstream * quantized)
    return tape.gradient(loss, sources)


def codes_of(weights, learned):
    return ops.learned_step_codes(weights, *learned.arguments).codes.numpy().reshape(-1)


@given(cases(), seeds)
def test_weights_go_to_the_nearest_level_or_the_end(case, seed):
    learned = Learned(case, seed)
    codes = codes_of(case.weights, learned)
    found = ops.learned_step(case.weights, *learned.arguments).numpy().reshape(-1)
    for indices, step, offset, position in learned.positions(case.weights):
        nearest = np.clip(position, 0, learned.levels - 1)
        assert np.abs(codes[indices] - nearest).max() <= 0.5 + 1e-3
        expected = (codes[indices] - learned.zero) * step + offset
        np.testing.assert_allclose(found[indices], expected, rtol=1e-5, atol=1e-5 * step)


@given(cases(), seeds)
def test_gradients_are_those_of_the_papers(case, seed):
    learned = Learned(case, seed)
    upstream = np.random.default_rng(seed + 1).normal(size=case.weights.shape).astype(np.float32)
    to_weights, to_step, *to_offset = gradients(case.weights, learned, upstream)
    codes, flat = codes_of(case.weights, learned), upstream.reshape(-1).astype(np.float64)
    to_weights = to_weights.numpy().reshape(-1)
    for i, (indices, _, _, position) in enumerate(learned.positions(case.weights)):
        last = learned.levels - 1
        clear = np.abs(np.abs(position - last / 2) - last / 2) > 0.01
        inside = (position >= 0) & (position <= last)
        np.testing.assert_array_equal(to_weights[indices[clear]], (flat[indices] * inside)[clear])
        slope = np.where(inside, codes[indices] - position, codes[indices] - learned.zero)
        expected = np.sign(learned.step[i]) * (flat[indices] * slope).sum()
        # A weight right at an end may count as either.
        unsure = learned.levels * np.abs(flat[indices[~clear]]).sum()
        magnitude = np.abs(flat[indices]).sum() * learned.levels
        assert abs(to_step[i] - expected) <= 1e-4 * magnitude + unsure
        if to_offset:
            outside = (flat[indices] * ~inside).sum()
            assert abs(to_offset[0][i] - outside) <= 1e-5 * magnitude + unsure


@given(cases(), seeds)
def test_gradients_are_those_of_automatic_differentiation(case, seed):
    learned = Learned(case, seed)
    upstream = tf.random.stateless_normal(case.weights.shape, [seed % 2**31, 0])
    last = learned.levels - 1
    for *_, position in learned.positions(case.weights):
        # Right at an end, where float32 places the weight decides.
        assume((np.abs(np.abs(position - last / 2) - last / 2) > 0.01).all())
    found = gradients(case.weights, learned, upstream)
    sources = [
        tf.constant(each)
        for each in (case.weights, learned.step, learned.offset)
        if each is not None
    ]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        loss = tf.reduce_sum(upstream * straight_through_rounding(*sources, learned=learned))
    tolerance = 1e-4 * learned.levels * float(tf.reduce_sum(tf.abs(upstream)))
    for one, other in zip(found, tape.gradient(loss, sources), strict=True):
        np.testing.assert_allclose(one, tf.convert_to_tensor(other), atol=tolerance)


def straight_through_rounding(weights, step, offset=None, *, learned):
    """LSQ written down naively: gather, clip and a rounding without gradient of its own."""
    bucket = np.empty(learned.bucketing.size, np.int32)
    for i, indices in enumerate(bucket_indices(learned.bucketing)):
        bucket[indices] = i
    s = tf.gather(tf.abs(step), bucket)
    beta = tf.zeros_like(s) if offset is None else tf.gather(offset, bucket)
    position = (tf.reshape(weights, [-1]) - beta) / s + learned.zero
    clipped = tf.clip_by_value(position, 0.0, learned.levels - 1.0)
    rounded = clipped + tf.stop_gradient(tf.round(clipped) - clipped)
    return tf.reshape((rounded - learned.zero) * s + beta, weights.shape)


def test_two_bits_by_hand():
    # In steps of 0.5: -3.2, -1.4, 0.6, 0.9, 4 on the grid -2, -1, 0, 1.
    weights = tf.constant([-1.6, -0.7, 0.3, 0.45, 2.0])
    arguments = (tf.constant([0.5]), None, Bucketing((5,), None), 4)
    assert ops.learned_step(weights, *arguments).numpy().tolist() == [-1.0, -0.5, 0.5, 0.5, 0.5]
    with tf.GradientTape() as tape:
        step = tf.constant([0.5])
        tape.watch([weights, step])
        loss = tf.reduce_sum([1.0, 2, 4, 8, 16] * ops.learned_step(weights, step, *arguments[1:]))
    to_weights, to_step = tape.gradient(loss, [weights, step])
    assert to_weights.numpy().tolist() == [0, 2, 4, 8, 0]
    # Outside -2 and 1; inside round(v/s) - v/s: 0.4, 0.4, 0.1.
    np.testing.assert_allclose(to_step, [-2 + 2 * 0.4 + 4 * 0.4 + 8 * 0.1 + 16], rtol=1e-5)


def test_one_bit_is_half_a_step_up_or_down():
    weights, step = tf.constant([-3.0, -0.1, 0.1, 0.4]), tf.constant([2.0])
    found = ops.learned_step(weights, step, None, Bucketing((4,), None), 2)
    assert found.numpy().tolist() == [-1, -1, 1, 1]


def test_offset_by_hand():
    # Steps of 1 from 10: positions -1, 0.6, 3.5 among the codes 0 to 3.
    weights = tf.constant([9.0, 10.6, 13.5])
    step, offset = tf.constant([1.0]), tf.constant([10.0])
    with tf.GradientTape() as tape:
        tape.watch([weights, step, offset])
        found = ops.learned_step(weights, step, offset, Bucketing((3,), None), 4)
        loss = tf.reduce_sum([1.0, 2.0, 4.0] * found)
    assert found.numpy().tolist() == [10, 11, 13]
    to_weights, to_step, to_offset = tape.gradient(loss, [weights, step, offset])
    assert to_weights.numpy().tolist() == [0, 2, 0]
    np.testing.assert_allclose(to_step, [2 * 0.4 + 4 * 3], rtol=1e-5)
    assert to_offset.numpy().tolist() == [1 + 4]


@pytest.mark.parametrize("levels", [2, 4, 16, 256])
@pytest.mark.parametrize("scaling", ["affine", "symmetric"])
def test_weights_on_the_levels_stay_there_and_get_a_gradient(levels, scaling):
    step, offset = tf.constant([0.3]), tf.constant([0.7]) if scaling == "affine" else None
    bucketing = Bucketing((levels,), None)
    zero = 0.0 if scaling == "affine" else zero_code(levels)
    weights = tf.constant(np.float32((np.arange(levels) - zero) * 0.3 + (offset is not None) * 0.7))
    with tf.GradientTape() as tape:
        tape.watch(weights)
        found = ops.learned_step(weights, step, offset, bucketing, levels)
    np.testing.assert_allclose(found, weights, rtol=1e-5, atol=1e-6)
    assert tape.gradient(found, weights).numpy().tolist() == [1] * levels


@given(cases())
def test_steps_start_from_the_mean_absolute_weight_of_their_bucket(case):
    levels = 2**case.bits
    step, offset = ops.start_of_steps(case.weights, case.bucketing, levels, case.scaling)
    assert (step.dtype, step.shape) == (np.float32, (case.bucketing.count,))
    largest = max(1, 2 ** (case.bits - 1) - 1)
    for i, indices in enumerate(bucket_indices(case.bucketing)):
        values = case.weights.reshape(-1)[indices].astype(np.float64)
        mean = values.mean() if case.scaling == "affine" else 0.0
        sizes = np.abs(values - mean)
        expected = 2 * sizes.mean() / np.sqrt(largest)
        if sizes.max() <= 1.001 * sizes.mean():
            expected = sizes.max() / (levels - 1 - zero_code(levels))
        expected = max(expected, 1e-4)
        room = 1e-5 * np.abs(values).max()
        assert abs(step[i] - expected) <= 1e-4 * expected + room
        if case.scaling == "affine":
            assert (
                abs(offset[i] + zero_code(levels) * step[i] - mean)
                <= 1e-3 * levels * expected + room
            )
        else:
            assert offset is None


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_weights_of_one_size_start_as_they_are(bits):
    weights = tf.constant([0.3, -0.3, -0.3, 0.7, -0.02, 0.0], tf.float32)
    bucketing, levels = Bucketing((6,), 3), 2**bits
    bucketing_of_ones = Bucketing((6,), 1)
    step, _ = ops.start_of_steps(weights, bucketing, levels, "symmetric")
    found = ops.learned_step(weights, step, None, bucketing, levels)
    np.testing.assert_allclose(found[:3], weights[:3], rtol=1e-6)
    step, _ = ops.start_of_steps(weights, bucketing_of_ones, levels, "symmetric")
    found = ops.learned_step(weights, step, None, bucketing_of_ones, levels)
    np.testing.assert_allclose(found[:5], weights[:5], rtol=1e-6)


def test_gradient_scale_counts_the_weights_of_the_bucket():
    # Buckets of 4, 4 and 2 weights; 3 bits: integers up to 3, or 7 with an offset.
    bucketing = Bucketing((10,), 4)
    np.testing.assert_allclose(
        ops.step_gradient_scale(bucketing, 8, "symmetric"),
        [12**-0.5, 12**-0.5, 6**-0.5],
    )
    np.testing.assert_allclose(
        ops.step_gradient_scale(bucketing, 8, "affine"), [28**-0.5, 28**-0.5, 14**-0.5]
    )
    assert ops.step_gradient_scale(Bucketing((4,), None), 2, "symmetric").tolist() == [0.5]


def test_a_step_of_zero_gives_zeros():
    weights = tf.constant([-1.0, 0.0, 2.0])
    found = ops.learned_step(weights, tf.zeros(1), None, Bucketing((3,), None), 16)
    assert found.numpy().tolist() == [0, 0, 0]
