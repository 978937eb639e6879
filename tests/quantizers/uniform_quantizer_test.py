"""The uniform quantizer's noise."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfqd.quantizers import UniformQuantizer
from tfqd.spec import Uniform

WEIGHTS = tf.random.stateless_normal([20, 30], [1, 2])
NEAREST = UniformQuantizer(Uniform(bits=2))
STOCHASTIC = UniformQuantizer(Uniform(bits=2, rounding="stochastic"))


@pytest.fixture(params=["keras", "tf_keras"])
def version(request):
    return importlib.import_module(request.param)


@pytest.fixture
def variables(version):
    return STOCHASTIC.build(WEIGHTS.shape, "kernel", version.layers.Layer())


def seed_of(variables):
    return tf.convert_to_tensor(variables["seed"]).numpy()


def training_calls(variables, count=3):
    return [STOCHASTIC(WEIGHTS, True, variables).numpy() for _ in range(count)]


def test_rounding_to_the_nearest_needs_no_variable(version):
    layer = version.layers.Layer()
    assert NEAREST.build(WEIGHTS.shape, "kernel", layer) == {}
    assert layer.weights == []
    np.testing.assert_array_equal(NEAREST(WEIGHTS, True, {}), NEAREST(WEIGHTS, False, {}))


def test_every_training_call_has_fresh_noise(variables):
    first, second, third = training_calls(variables)
    assert np.mean(first != second) > 0.1
    assert np.mean(second != third) > 0.1


@pytest.mark.parametrize("training", [False, None, tf.constant(False)])
def test_inference_rounds_to_the_nearest_and_leaves_the_seed(variables, training):
    before = seed_of(variables)
    for _ in range(2):
        found = STOCHASTIC(WEIGHTS, training, variables)
        np.testing.assert_array_equal(found, NEAREST(WEIGHTS, False, {}))
    np.testing.assert_array_equal(seed_of(variables), before)


def test_training_may_be_a_tensor(variables):
    seed = seed_of(variables)
    expected, _ = training_calls(variables, 2)
    variables["seed"].assign(seed)
    np.testing.assert_array_equal(STOCHASTIC(WEIGHTS, tf.constant(True), variables), expected)
    assert (seed_of(variables) - seed).tolist() == [0, 1]


def test_a_function_draws_fresh_noise_at_every_call(variables):
    step = tf.function(lambda: STOCHASTIC(WEIGHTS, True, variables))
    assert np.mean(step().numpy() != step().numpy()) > 0.1


def test_a_random_seed_makes_noise_reproducible(version):
    runs = []
    for seed in (7, 7, 8):
        version.utils.set_random_seed(seed)
        variables = STOCHASTIC.build(WEIGHTS.shape, "kernel", version.layers.Layer())
        runs.append(np.stack(training_calls(variables)))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.mean(runs[0] != runs[2]) > 0.1


def test_two_tensors_have_different_noise(version):
    layer = version.layers.Layer()
    first, second = (
        STOCHASTIC(WEIGHTS, True, STOCHASTIC.build(WEIGHTS.shape, name, layer))
        for name in ("kernel", "recurrent_kernel")
    )
    assert np.mean(first.numpy() != second.numpy()) > 0.1


def test_the_seed_is_saved_state_that_is_not_trained(version):
    layer = version.layers.Layer()
    variables = STOCHASTIC.build(WEIGHTS.shape, "kernel", layer)
    assert layer.trainable_weights == []
    training_calls(variables, 1)
    saved = layer.get_weights()
    following = training_calls(variables)
    layer.set_weights(saved)
    np.testing.assert_array_equal(training_calls(variables), following)


def test_the_gradient_is_straight_through_whatever_the_noise(variables):
    with tf.GradientTape() as tape:
        tape.watch(WEIGHTS)
        quantized = STOCHASTIC(WEIGHTS, tf.constant(True), variables)
    np.testing.assert_array_equal(tape.gradient(quantized, WEIGHTS), np.ones(WEIGHTS.shape))


def test_stored_codes_have_no_noise():
    variables = STOCHASTIC.build(WEIGHTS.shape, "kernel", keras.layers.Layer())
    np.testing.assert_array_equal(
        STOCHASTIC.encode(WEIGHTS, variables).codes, NEAREST.encode(WEIGHTS, {}).codes
    )
