"""What a bit counts in the loss: one price for tensors and buckets of every size."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfqd
from tfqd import ops
from tfqd.callbacks.priced_variable import PricedVariable
from tfqd.quantizers import quantizer_for


def two_kernels(small=(16, 8), **options):
    """The quantized kernels of a large and of a small layer, [300, 64] and `small`."""
    keras.utils.set_random_seed(1)
    initializer = keras.initializers.RandomNormal(stddev=0.3, seed=0)
    dense = [
        keras.layers.Dense(units, use_bias=False, kernel_initializer=initializer)
        for units in (64, small[1])
    ]
    inputs = [keras.Input((300,)), keras.Input(small[:1])]
    model = keras.Model(inputs, [layer(each) for layer, each in zip(dense, inputs, strict=True)])
    spec = tfqd.EntropyConstrained(average_bits=3, bits=8, rate_weight=0.116, **options)
    return tfqd.quantize_model(model, spec).quantized_variables


def steps_of(entry):
    scale = np.array(entry.encode().scale)
    return scale / 128


def train_steps(entries, price, curvatures):
    """Trains the steps alone, to a loss of squared errors and of bits at one price.

    Args:
        entries: the quantized variables.
        price: what a bit counts.
        curvatures: what a squared error counts in each variable.
    """
    for entry in entries:
        PricedVariable(entry).bit_price = price
    steps = [entry.state["step"] for entry in entries]
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.02, 400))
    optimizer.build(steps)

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            errors = [entry.quantize(True) - tf.stop_gradient(entry.value()) for entry in entries]
            squares = [tf.reduce_sum(tf.square(error)) for error in errors]
            loss = sum(each * square for each, square in zip(curvatures, squares, strict=True))
            loss += sum(PricedVariable(entry).price() for entry in entries)
        return tape.gradient(loss, [step.value for step in steps])

    for _ in range(400):
        optimizer.apply(gradients(), steps)


@pytest.mark.parametrize("options", [{}, {"layout": "channel"}, {"bucket_size": 100}], ids=repr)
def test_tensors_of_equal_curvature_come_to_equal_steps_whatever_their_size(options):
    entries = two_kernels(**options)
    wanted = 0.05
    price = wanted**2 * np.log(2) / 6  # F s^2 = 6 price / ln 2, with F = 1
    train_steps(entries, price, curvatures=[1, 1])
    for entry in entries:
        squares = np.average(steps_of(entry) ** 2)
        assert squares / wanted**2 == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("curvatures", [(1, 8), (8, 1)], ids=str)
def test_steps_are_as_much_shorter_as_the_root_of_their_curvature_is_more(curvatures):
    entries = two_kernels(small=(120, 32))
    price = 0.05**2 * np.log(2) / 6
    train_steps(entries, price, curvatures)
    (one,), (other,) = [steps_of(entry) for entry in entries]
    assert one / other == pytest.approx((curvatures[1] / curvatures[0]) ** 0.5, rel=0.05)


@pytest.mark.parametrize("options", [{}, {"bucket_size": 100}], ids=repr)
def test_the_price_is_that_of_the_bits_and_pulls_at_steps_alone(options):
    larger, entry = two_kernels(**options)
    shares = np.array(larger.state["code_frequency"])
    bits = PricedVariable(larger).coded_bits()
    assert bits == pytest.approx(larger.size * float(ops.entropy(shares)), rel=0.01)
    PricedVariable(entry).bit_price = 1e-3
    with tf.GradientTape() as tape:
        price = PricedVariable(entry).price()
    bits = entry.size * float(ops.entropy(entry.state["code_frequency"].value))
    assert float(price) == pytest.approx(1e-3 * bits, rel=1e-5)
    step, kernel = entry.state["step"].value, entry.variable.value
    to_step, to_kernel = tape.gradient(price, [step, kernel])
    sizes = np.array([100, 28] if options else [128])
    slope = -1e-3 * sizes / np.log(2) / steps_of(entry) / np.sqrt(sizes * 127)
    np.testing.assert_allclose(to_step, slope, rtol=1e-5)
    assert to_kernel is None


def test_longer_steps_and_points_as_much_smaller_are_one_price():
    """They compute the same, and the price pulls at neither of the two for the other's sake."""
    weights = tf.constant(np.random.default_rng(0).laplace(size=(40, 50)).astype(np.float32))
    spec = tfqd.EntropyCodebook(bits=4, average_bits=2.5, gradient_scale=None)
    quantizer = quantizer_for(spec)
    state = quantizer.build(weights.shape, "kernel", keras.layers.Layer(), lambda: weights)
    state["points"].assign(np.sort(np.abs(np.random.default_rng(1).normal(4, 2, 16)))[::-1])
    state["bit_price"].assign(1e-3)
    step, points = state["step"].value, state["points"].value
    with tf.GradientTape() as tape:
        price = quantizer.price(weights.shape, state)
    to_step, to_points = tape.gradient(price, [step, points])
    # What a share more of each changes: the price falls by both, and points' own falls alone.
    by_step, by_points = (
        float(tf.reduce_sum(gradient * value))
        for gradient, value in ((to_step, step), (to_points, points))
    )
    assert by_step == pytest.approx(-1e-3 * 2000 / np.log(2), rel=1e-4)
    assert by_points == pytest.approx(by_step, rel=1e-4)
