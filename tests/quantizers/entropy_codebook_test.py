"""Trained points whose codes are chosen with their length in view."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from short_codes import X, check_files, network, trained

import tfqd
from tfqd import ops
from tfqd.quantizers import quantizer_for
from tfqd.spec import from_dict

RNG = np.random.default_rng(0)
WEIGHTS = tf.constant(RNG.laplace(size=(40, 50)).astype(np.float32))
# Not on the integers, which points start at, and two of them in the other order.
SIZES = np.float32([3.5, 3.1, 2.2, 0.8, 0.0, 0.9, 1.6, 3.2])


def built(sizes=SIZES, **options):
    """The quantizer of WEIGHTS and its variables, points among them of these sizes."""
    quantizer = quantizer_for(tfqd.EntropyCodebook(bits=3, average_bits=1.5, **options))
    variables = quantizer.build(WEIGHTS.shape, "kernel", keras.layers.Layer(), lambda: WEIGHTS)
    if sizes is not None:
        variables["points"].assign(sizes)
    return quantizer, variables


def cheapest_neighbour(x, points, length, rate_weight):
    """By the definition: of the two points about x, the one of less error and length."""
    above = min(max(int(np.searchsorted(points, x)), 1), len(points) - 1)
    costs = [(x - points[c]) ** 2 + rate_weight * length[c] for c in (above - 1, above)]
    return above - 1 + int(costs[1] < costs[0])


@pytest.mark.parametrize("options", [{}, {"layout": "channel"}, {"bucket_size": 100}], ids=repr)
@pytest.mark.parametrize("rate_weight", [0.0, 0.05])
def test_codes_are_the_cheapest_neighbours(rate_weight, options):
    quantizer, variables = built(rate_weight=rate_weight, **options)
    tensor = quantizer.encode(WEIGHTS, variables)
    frequency = np.array(variables["code_frequency"]) * WEIGHTS.shape.num_elements() + 0.5
    length = -np.log2(frequency / frequency.sum())
    signs = np.sign(np.arange(8) - 4)
    points = np.sort(signs * SIZES)
    np.testing.assert_array_equal(tensor.points, points)
    scaled = WEIGHTS.numpy() / tensor.spread(tensor.scale)
    expected = [cheapest_neighbour(x, points, length, rate_weight) for x in scaled.ravel()]
    np.testing.assert_array_equal(tensor.codes.ravel(), expected)


def test_points_start_at_the_grid_and_weigh_as_on_it():
    uniform, book = (
        tfqd.quantize_model(network(), kind(average_bits=2.0))
        for kind in (tfqd.EntropyConstrained, tfqd.EntropyCodebook)
    )
    np.testing.assert_allclose(book(X), uniform(X), atol=1e-6)
    for tensor in tfqd.compress(book).quantized.values():
        np.testing.assert_array_equal(tensor.points, np.arange(-8, 8))


def test_points_get_the_gradient_of_equation_6_and_0_none():
    quantizer, variables = built(gradient_scale=None)
    upstream = RNG.normal(size=WEIGHTS.shape).astype(np.float32)
    points, step = variables["points"].value, variables["step"].value
    with tf.GradientTape() as tape:
        tape.watch([points, step])
        loss = tf.reduce_sum(quantizer(WEIGHTS, True, variables) * upstream)
    to_points, to_step = tape.gradient(loss, [points, step])
    tensor = quantizer.encode(WEIGHTS, variables)
    scale = float(tensor.scale[0])
    order = np.argsort(np.sign(np.arange(8) - 4) * SIZES)
    expected = np.zeros(8, np.float32)
    for code, point in enumerate(order):
        expected[point] = np.sum(upstream[tensor.codes == code]) * scale
    np.testing.assert_allclose(to_points, expected * np.sign(np.arange(8) - 4), rtol=1e-4)
    assert float(to_points[4]) == 0
    unit = float(np.array(variables["step_unit"]))
    place = tensor.dequantize() / scale
    scaled = WEIGHTS.numpy() / scale
    ends = (scaled < tensor.points[0]) | (scaled > tensor.points[-1])
    slope = np.where(ends, place, place - scaled)
    # A step is held in its unit, and gets its value's gradient as it is.
    assert scale == pytest.approx(abs(float(np.array(step)[0])) * unit)
    assert float(to_step[0]) == pytest.approx(float(np.sum(upstream * slope)), rel=1e-3)


def test_points_come_to_the_means_of_their_weights():
    quantizer, variables = built()
    frequency = np.array(variables["code_frequency"]) * WEIGHTS.shape.num_elements() + 0.5
    length = -np.log2(frequency / frequency.sum())

    def error(training):
        return tf.reduce_mean(tf.square(quantizer(WEIGHTS, training, variables) - WEIGHTS))

    def error_and_length():
        """What codes are chosen by, a weight, in squared steps."""
        tensor = quantizer.encode(WEIGHTS, variables)
        rate = quantizer.spec.rate_weight * np.mean(length[tensor.codes])
        return float(error(False)) / tensor.scale[0] ** 2 + rate

    before = error_and_length()
    optimizer = keras.optimizers.Adam(0.02)
    for _ in range(150):
        with tf.GradientTape() as tape:
            loss = error(True)
        gradient = tape.gradient(loss, variables["points"].value)
        optimizer.apply([gradient], [variables["points"]])
    assert error_and_length() < 0.97 * before
    tensor = quantizer.encode(WEIGHTS, variables)
    for code in (2, 3, 5, 6):
        mean = np.mean(WEIGHTS.numpy()[tensor.codes == code]) / tensor.scale[0]
        assert tensor.points[code] == pytest.approx(mean, abs=0.02)


def test_zeros_stay_zeros_wherever_the_points_go():
    quantizer, variables = built(preserve_zeros=True)
    weights = np.where(np.abs(WEIGHTS) < 0.3, 0.0, WEIGHTS).astype(np.float32)
    trained_on = quantizer(tf.constant(weights), True, variables).numpy()
    np.testing.assert_array_equal(trained_on[weights == 0], 0)
    variables["points"].assign(-SIZES - 1.0)  # the sign of a size counts for nothing
    quantized = quantizer(tf.constant(weights), False, variables).numpy()
    np.testing.assert_array_equal(quantized[weights == 0], 0)
    large = np.abs(weights) > 4
    np.testing.assert_array_equal(np.sign(quantized[large]), np.sign(weights[large]))


def test_steps_are_shortened_until_the_largest_weight_lies_on_the_last_point():
    quantizer, variables = built()
    shortest = quantizer.shortest_stretch(WEIGHTS, variables)
    step = float(quantizer.encode(WEIGHTS, variables).scale[0])
    scaled = WEIGHTS.numpy() / step
    assert shortest == pytest.approx(
        min(1.0, max(scaled.max() / SIZES.max(), -scaled.min() / 3.5)), rel=1e-4
    )
    quantizer.stretch_steps(2.0, WEIGHTS, variables)
    tensor = quantizer.encode(WEIGHTS, variables)
    assert tensor.scale[0] == pytest.approx(2 * step)
    np.testing.assert_allclose(variables["code_frequency"], ops.shares(tensor.codes, 8), atol=0.01)


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_training_keeps_to_a_budget_and_moves_the_points(library):
    spec = tfqd.EntropyCodebook(average_bits=2)
    before = tfqd.size_report(tfqd.quantize_model(network(library), spec)).archive_bytes
    budget = tfqd.callbacks.ByteBudget(before, verbose=0)
    model = trained(spec, library, callbacks=[budget], rate=0.02)
    assert 0.98 * before < tfqd.size_report(model).archive_bytes <= before
    for tensor in tfqd.compress(model).quantized.values():
        assert tensor.points[8] == 0
        assert np.abs(tensor.points - np.arange(-8, 8)).max() > 0.1


@pytest.mark.parametrize(
    "spec",
    [
        tfqd.EntropyCodebook(average_bits=3, bits=6, layout="channel"),
        tfqd.EntropyCodebook(learning_rate_multiplier=3.0, freeze_above=0.02),
    ],
    ids=repr,
)
def test_every_file_computes_what_was_trained(spec, tmp_path):
    model = trained(spec, rate=0.02)
    check_files(model, tmp_path)
    with pytest.warns(UserWarning, match="its points are floats"):
        tfqd.export.tflite(model, tmp_path / "m.tflite")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"scaling": "affine"}, "scaling must be 'symmetric'.* got 'affine'"),
        ({"layout": "tile", "bucket_size": (2, 4)}, "layout must be 'flat' or 'channel'"),
        ({"average_bits": 0}, "average_bits must be a number above 0"),
        ({"bits": 1, "average_bits": 1}, "bits must be an integer from 2 to 8"),
    ],
)
def test_bad_arguments_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        tfqd.EntropyCodebook(**arguments)


def test_spec_survives_its_dict():
    spec = tfqd.EntropyCodebook(average_bits=1.5, rate_weight=0.2)
    assert from_dict(spec.to_dict()) == spec
    assert spec.with_bits(3) == tfqd.EntropyCodebook(average_bits=3, bits=5, rate_weight=0.2)
    assert from_dict(spec.to_dict()) != tfqd.EntropyConstrained(average_bits=1.5, rate_weight=0.2)


def test_a_tensor_without_points_is_refused():
    quantizer, variables = built()
    grid = quantizer_for(tfqd.EntropyConstrained(bits=3, average_bits=1.5))
    other = grid.build(WEIGHTS.shape, "kernel", keras.layers.Layer(), lambda: WEIGHTS)
    with pytest.raises(ValueError, match="must have points; it has none"):
        quantizer.restore(grid.encode(WEIGHTS, other), variables)
