"""Ranges as variables: where they start, what moves them, what they tell."""

import json

import numpy as np
import pytest
import tensorflow as tf

import tfqd
from tfqd.quantizers import ActivationQuantizer

VALUES = np.random.default_rng(0).normal(size=5000).astype(np.float32)


class Layer:
    """Makes variables, and no more."""

    def add_weight(self, *, name, shape, dtype, initializer, trainable):
        return tf.Variable(initializer(shape), name=name, trainable=trainable, dtype=dtype)


def calibrated(spec, values=VALUES, **kind):
    quantizer = ActivationQuantizer(spec, **kind)
    state = quantizer.build(Layer())
    for role, value in quantizer.calibrated(*quantizer.start(values)).items():
        state[role].assign(value)
    return quantizer, state


@pytest.mark.parametrize("start", ["minmax", "percentile", "mse"])
@pytest.mark.parametrize("kind", ["signed", "positive", "symmetric"])
def test_ranges_start_where_the_spec_says(start, kind):
    scaling = "symmetric" if kind == "symmetric" else "affine"
    spec = tfqd.Activations(start=start, scaling=scaling, percentile=99)
    values = np.abs(VALUES) if kind == "positive" else VALUES
    quantizer, state = calibrated(spec, values, positive=kind == "positive")
    low, high = (float(end) for end in quantizer.ends(state))
    if kind == "positive":
        assert low == 0
    if kind == "symmetric":
        assert low == pytest.approx(-128 / 127 * high)
    if start == "minmax":
        assert max(high, -low) == pytest.approx(np.abs(values).max(), rel=0.01)
    else:
        assert max(high, -low) <= np.abs(values).max()


@pytest.mark.parametrize(("ranges", "count"), [("trained", 2), ("moving", 0), ("fixed", 0)])
def test_only_trained_ends_are_trained(ranges, count):
    _, state = calibrated(tfqd.Activations(ranges=ranges))
    assert sorted(state) == ["high", "low", "unit"]
    assert sum(variable.trainable for variable in state.values()) == count


def test_moving_ranges_follow_the_batches_of_training_alone():
    quantizer, state = calibrated(tfqd.Activations(ranges="moving", start="minmax"))
    before = [float(end) for end in quantizer.ends(state)]
    batch = tf.constant(10 * VALUES.reshape(50, 100))
    quantizer(batch, False, state)
    assert [float(end) for end in quantizer.ends(state)] == before
    quantizer(batch, True, state)
    after = [float(end) for end in quantizer.ends(state)]
    np.testing.assert_allclose(after, np.multiply(before, 0.99 + 0.01 * 10), rtol=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_end_that_starts_at_0_is_trained_away_from_it(sign):
    quantizer, state = calibrated(tfqd.Activations(start="minmax"), -sign * np.abs(VALUES))
    moved = 1 if sign > 0 else 0
    assert float(quantizer.ends(state)[moved]) == 0
    wanted = tf.constant(sign * np.abs(VALUES)[:, np.newaxis])
    ends = [state["low"], state["high"]]
    losses = []
    for _ in range(40):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((quantizer(wanted, True, state) - wanted) ** 2)
        losses.append(float(loss))
        for end, gradient in zip(ends, tape.gradient(loss, ends), strict=True):
            end.assign_sub(gradient)
    assert losses[-1] < losses[0] / 10
    assert sign * float(quantizer.ends(state)[moved]) > 1


def test_few_bits_are_for_what_a_relu_clips():
    spec = tfqd.Activations(bits=4)
    assert ActivationQuantizer(spec).bits == 8
    quantizer, state = calibrated(spec, np.abs(VALUES), positive=True)
    rounded = quantizer(tf.constant(np.abs(VALUES)[:, np.newaxis]), False, state)
    assert len(np.unique(rounded)) == 16


def test_few_bits_of_both_signs_are_asked_for_by_name():
    assert ActivationQuantizer(tfqd.Activations(signed_bits=4), positive=True).bits == 8
    assert ActivationQuantizer(tfqd.Activations(signed_bits=4), fixed=(0.0, 255 / 256)).bits == 8
    quantizer, state = calibrated(tfqd.Activations(signed_bits=4))
    low, high = (float(end) for end in quantizer.ends(state))
    rounded = quantizer(tf.constant(VALUES[:, np.newaxis]), False, state)
    assert len(np.unique(rounded)) == 16
    step = (high - low) / 15
    assert np.asarray(rounded).max() == pytest.approx(high, abs=step / 2)
    assert np.asarray(rounded).min() == pytest.approx(low, abs=step / 2)


@pytest.mark.parametrize(("bits", "least"), [(8, -128), (16, -32768)])
@pytest.mark.parametrize("positive", [False, True])
def test_symmetric_ranges_have_their_zero_in_the_middle(bits, least, positive):
    spec = tfqd.Activations(bits=bits, scaling="symmetric")
    quantizer, state = calibrated(spec, np.abs(VALUES) if positive else VALUES, positive=positive)
    low, high = (float(end) for end in quantizer.ends(state))
    step = (high - low) / quantizer.steps
    assert quantizer.bits == bits
    assert low / step == pytest.approx(least)
    far = tf.constant([[-1e3, 0.0, 1e3]])
    np.testing.assert_allclose(quantizer(far, False, state), [[low, 0, high]], rtol=1e-6)


def test_16_bits_are_shown_to_the_converter_as_256_of_their_steps():
    quantizer, state = calibrated(tfqd.Activations(bits=16))
    low, high = (float(end) for end in quantizer.ends(state))
    step = (high - low) / quantizer.steps
    shown = np.asarray(quantizer.in_bytes(tf.constant(VALUES[:, np.newaxis]), state)) / step
    np.testing.assert_allclose([shown.min(), shown.max()], [-128, 127], rtol=1e-5)
    for low, ends in ((0.0, (0, 255 / 256)), (-1.0, (-1, 127 / 128))):
        fixed = ActivationQuantizer(tfqd.Activations(bits=16), fixed=(low, 32767 / 32768))
        shown = fixed.in_bytes(tf.constant([[-9.0, 9.0]]), {})
        np.testing.assert_array_equal(shown, [ends])


def test_activations_of_nothing_but_zeros_get_a_range_all_the_same():
    quantizer, state = calibrated(tfqd.Activations(), np.zeros(9, np.float32))
    assert [float(end) for end in quantizer.ends(state)] == [0, 1]


def test_a_quantizer_is_made_again_from_its_config():
    for fixed in (None, (0.0, 255 / 256)):
        quantizer = ActivationQuantizer(tfqd.Activations(bits=6), True, fixed)
        config = json.loads(json.dumps(quantizer.get_config()))
        again = ActivationQuantizer.from_config(config)
        assert again.get_config() == quantizer.get_config()
        assert again.fixed == fixed
