"""What is tried of others' methods computes what its source says."""

import example_modules  # noqa: F401
import keras
import numpy as np
import pytest
import tensorflow as tf
from resnet8_trials import SPECS, TRIALS

import tfqd

X = np.random.default_rng(0).normal(size=(64, 400)).astype(np.float32)


def kernel(spec):
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(8, kernel_initializer="random_normal", use_bias=False)
    model = tfqd.quantize_model(keras.Sequential([keras.Input((400,)), dense]), spec)
    (weights,) = (variable for variable in model.variables if variable.shape == (400, 8))
    return model, weights


def stored(model):
    (tensor,) = tfqd.compress(model).quantized.values()
    return tensor


def gradient(spec, upstream):
    """Of the sum of quantized weights times `upstream`, and what it is of: weights and levels."""
    model, weights = kernel(spec)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(model(tf.eye(400), training=True) * upstream)
    found = tape.gradient(value, weights.value)
    return found.numpy(), np.array(weights), stored(model)


def inside_and_beyond(weights, step):
    """Which weights lie between the levels -2 to 1 and which do not; neither at an end."""
    in_steps, near = weights / step, 1e-3
    inside = (in_steps > -2 + near) & (in_steps < 1 - near)
    return inside, (in_steps < -2 - near) | (in_steps > 1 + near)


@pytest.mark.parametrize("name", SPECS)
def test_all_take_four_levels_and_files_hold_what_was_trained(name):
    model, _ = kernel(TRIALS[f"trial_{name}"].spec)
    before = stored(model)
    model.compile(keras.optimizers.Adam(1e-2), "mse", jit_compile=False)
    model.fit(X, 3 * X[:, :8], verbose=0)
    after = stored(model)
    assert after.levels == 4
    assert np.any(after.codes != before.codes)
    np.testing.assert_allclose(model(X), X @ after.dequantize(), atol=1e-5)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_ewgs_scales_a_gradient_by_its_sign_and_the_error(sign):
    found, weights, tensor = gradient(SPECS["ewgs"], sign)
    step = tensor.scale[0] / 2
    inside, beyond = inside_and_beyond(weights, step)
    error = (weights - tensor.dequantize()) / (3 * step)
    np.testing.assert_allclose(found[inside], (sign + 0.2 * error)[inside], atol=1e-5)
    assert not found[beyond].any()


def test_stable_qat_lets_through_what_is_half_way_between_levels():
    found, weights, tensor = gradient(SPECS["stable"], 1.0)
    step = tensor.scale[0] / 2
    inside, beyond = inside_and_beyond(weights, step)
    apart = np.abs(weights / step - np.round(weights / step))
    assert found[inside & (apart > 0.49)].min() > 0.9
    assert 0.03 < found[inside & (apart < 0.01)].max() < 0.05
    assert not found[beyond].any()


def test_weights_beyond_the_outermost_points_get_no_gradient_where_it_is_stopped():
    found, weights, tensor = gradient(SPECS["stopped"], 1.0)
    levels = tensor.dequantize()
    beyond = (weights > levels.max()) | (weights < levels.min())
    assert 0 < beyond.sum() < weights.size
    np.testing.assert_array_equal(found, np.where(beyond, 0, 1))
    whole, *_ = gradient(SPECS["points"], 1.0)
    np.testing.assert_array_equal(whole, np.ones_like(whole))


def test_normalized_weights_forget_their_mean_and_deviation():
    model, weights = kernel(SPECS["normalized"])
    before = stored(model).dequantize()
    weights.assign(3 * weights + 5)
    np.testing.assert_allclose(stored(model).dequantize(), before, atol=1e-5)


def test_points_go_to_the_means_of_their_weights():
    model, weights = kernel(SPECS["refreshed"])
    (points,) = (variable for variable in model.variables if variable.name.endswith("points"))
    points.assign([-1.0, -0.1, 0.2, 1.5])
    before = stored(model)
    model(X, training=True)
    values = np.array(weights) / before.scale[0]
    means = [values[before.codes == code].mean() for code in range(4)]
    np.testing.assert_allclose(points, 0.9 * before.points + 0.1 * np.array(means), atol=1e-6)


def test_annealed_weights_are_seen_as_they_are_first_and_at_their_points_last():
    spec = SPECS["annealed"]
    model, weights = kernel(spec)
    (seen,) = (variable for variable in model.variables if variable.name.endswith("seen"))
    ends = stored(model).dequantize()
    clipped = np.clip(np.array(weights), ends.min(), ends.max())
    np.testing.assert_allclose(model(np.eye(400), training=True), clipped, atol=1e-2)
    seen.assign(spec.steps_of_training)
    last = model(np.eye(400), training=True)
    np.testing.assert_allclose(last, stored(model).dequantize(), atol=1e-5)
