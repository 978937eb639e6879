"""The learned-step quantizer's variables."""

import importlib

import numpy as np
import pytest
import tensorflow as tf

from tfqd import ops
from tfqd.quantizers import LearnedStepQuantizer
from tfqd.spec import LearnedStep

WEIGHTS = tf.random.stateless_normal([20, 30], [1, 2])


@pytest.fixture(params=["keras", "tf_keras"])
def layer(request):
    return importlib.import_module(request.param).layers.Layer()


def value_of(variable):
    return tf.convert_to_tensor(variable).numpy()


def built(spec, layer, value=lambda: WEIGHTS):
    quantizer = LearnedStepQuantizer(spec)
    return quantizer, quantizer.build((20, 30), "kernel", layer, value)


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        (LearnedStep(), 1),
        (LearnedStep(layout="channel"), 30),
        (LearnedStep(bucket_size=64), 10),
        (LearnedStep(bucket_size=8, layout="channel"), 90),
    ],
)
def test_one_step_a_bucket_starts_as_lsqs(spec, count, layer):
    _, variables = built(spec, layer)
    step, _ = ops.start_of_steps(WEIGHTS, spec.bucketing((20, 30)), 16, "symmetric")
    assert list(variables) == ["step"]
    assert step.shape == (count,)
    np.testing.assert_array_equal(value_of(variables["step"]), step)


def test_affine_scaling_has_a_trained_offset_too(layer):
    _, variables = built(LearnedStep(scaling="affine", layout="channel"), layer)
    assert len(layer.trainable_weights) == 2
    assert value_of(variables["offset"]).shape == (30,)


def test_initialize_sets_what_suits_weights_that_come_later(layer):
    spec = LearnedStep(bits=3, scaling="affine", learning_rate_multiplier=7)
    quantizer, variables = built(spec, layer, value=None)
    quantizer.initialize(WEIGHTS, variables)
    step, offset = ops.start_of_steps(WEIGHTS, spec.bucketing((20, 30)), 8, "affine")
    np.testing.assert_allclose(7 * value_of(variables["step"]), step, rtol=1e-6)
    np.testing.assert_allclose(7 * value_of(variables["offset"]), offset, rtol=1e-6)


def gradients(spec, layer):
    quantizer, variables = built(spec, layer)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(quantizer(WEIGHTS, True, variables) ** 2)
    return [np.asarray(g) for g in tape.gradient(loss, tape.watched_variables())]


def test_lsqs_gradient_scale_is_the_default(layer):
    (plain,) = gradients(LearnedStep(layout="channel", gradient_scale=None), layer)
    (scaled,) = gradients(LearnedStep(layout="channel"), layer)
    np.testing.assert_allclose(scaled, plain / np.sqrt(20 * 7), rtol=1e-5)


@pytest.mark.parametrize(("optimizer", "rate"), [("SGD", 1.0), ("Adam", 1e-3), ("RMSprop", 1e-3)])
def test_steps_learn_faster_by_the_multiplier_whatever_the_optimizer(layer, optimizer, rate):
    keras = importlib.import_module(type(layer).__module__.split(".")[0])
    moved = []
    for multiplier in (1.0, 10.0):
        spec = LearnedStep(learning_rate_multiplier=multiplier)
        quantizer, variables = built(spec, keras.layers.Layer())
        before = value_of(variables["step"]) * multiplier
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((quantizer(WEIGHTS, True, variables) - WEIGHTS) ** 2)
        (watched,) = tape.watched_variables()
        step = getattr(keras.optimizers, optimizer)(rate)
        step.apply_gradients([(tape.gradient(loss, watched), variables["step"])])
        moved.append(value_of(variables["step"]) * multiplier - before)
    np.testing.assert_allclose(moved[1], 10 * moved[0], rtol=1e-3)
    assert moved[0] != 0


def test_training_the_step_lowers_the_error(layer):
    quantizer, variables = built(LearnedStep(bits=3, gradient_scale=None), layer)
    errors = []
    for _ in range(30):
        with tf.GradientTape() as tape:
            error = tf.reduce_mean((quantizer(WEIGHTS, True, variables) - WEIGHTS) ** 2)
        (watched,) = tape.watched_variables()
        watched.assign_sub(0.1 * tape.gradient(error, watched))
        errors.append(float(error))
    assert errors[-1] < 0.8 * errors[0]
