"""Trained points on a grid of integers, below codes chosen with their length in view."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from short_codes import X, check_files, network, trained

import tfqd
from tfqd.compressed import read_manifest
from tfqd.quantizers import quantizer_for
from tfqd.spec import from_dict

RNG = np.random.default_rng(0)
WEIGHTS = tf.constant(RNG.laplace(size=(40, 50)).astype(np.float32))
SIGNS = np.sign(np.arange(8) - 4)
# Of 3 bits units are sixteenths of a step. One size is nearer to 0 than half a unit, one beyond
# the last number of the grid, and two of them are in the other order.
SIZES = np.float32([9.0, 3.1, 0.01, 0.8, 0.0, 0.93, 1.6, -3.2])
INTEGERS = [-127, -50, -13, -1, 0, 15, 26, 51]


def built(sizes=SIZES, **options):
    """The quantizer of WEIGHTS and its variables, points among them of these sizes."""
    options = {"bits": 3, "average_bits": 1.5, "grid": "int8", **options}
    quantizer = quantizer_for(tfqd.EntropyCodebook(**options))
    variables = quantizer.build(WEIGHTS.shape, "kernel", keras.layers.Layer(), lambda: WEIGHTS)
    variables["points"].assign(sizes)
    return quantizer, variables


def gradients(quantizer, variables, upstream):
    """Those of the points and of the steps."""
    found = [variables["points"].value, variables["step"].value]
    with tf.GradientTape() as tape:
        tape.watch(found)
        loss = tf.reduce_sum(quantizer(WEIGHTS, True, variables) * upstream)
    return tape.gradient(loss, found)


@pytest.mark.parametrize("layout", ["flat", "channel"])
def test_a_start_on_the_grid_is_a_start_without_one(layout):
    """Points start at the integers, which are numbers of every grid."""
    on_grid, free = (
        tfqd.quantize_model(network(), tfqd.EntropyCodebook(layout=layout, grid=grid))
        for grid in ("int8", None)
    )
    np.testing.assert_array_equal(on_grid(X), free(X))
    tensors = zip(*(tfqd.compress(m).quantized.values() for m in (on_grid, free)), strict=True)
    for stored, expected in tensors:
        np.testing.assert_array_equal(stored.points, 8 * np.arange(-8, 8))
        np.testing.assert_array_equal(stored.scale, expected.scale / 8)
        np.testing.assert_array_equal(stored.codes, expected.codes)


@pytest.mark.parametrize("options", [{}, {"layout": "channel"}, {"bucket_size": 100}])
def test_points_are_the_nearest_integers_on_their_side_of_0_and_not_0(options):
    quantizer, variables = built(**options)
    tensor = quantizer.encode(WEIGHTS, variables)
    assert tensor.points.tolist() == INTEGERS
    np.testing.assert_array_equal(tensor.dequantize(), quantizer(WEIGHTS, False, variables))
    np.testing.assert_array_equal(tensor.dequantize(), quantizer(WEIGHTS, True, variables))
    step = np.abs(variables["step"].value) * np.array(variables["step_unit"])
    np.testing.assert_array_equal(tensor.scale, np.float32(step / 16))
    assert np.count_nonzero(tensor.dequantize()[tensor.codes != 4]) == (tensor.codes != 4).sum()


def test_gradients_are_those_of_free_points_at_the_same_places():
    upstream = RNG.normal(size=WEIGHTS.shape).astype(np.float32)
    free, own = built(sizes=np.abs(np.float32([-127, -50, -1, -13, 0, 15, 26, 51])) / 16, grid=None)
    quantizer, variables = built()
    np.testing.assert_array_equal(quantizer(WEIGHTS, True, variables), free(WEIGHTS, True, own))
    for mine, theirs in zip(
        gradients(quantizer, variables, upstream), gradients(free, own, upstream), strict=True
    ):
        # The sign of a size counts for nothing, and turns its gradient about.
        sign = np.where(SIZES < 0, -1, 1) if len(mine) == 8 else 1
        np.testing.assert_allclose(sign * mine, theirs, rtol=1e-5)
        # No weight lies as far out as the first point.
        assert np.count_nonzero(mine) == (6 if len(mine) == 8 else 1)


def test_a_point_that_is_pushed_to_0_stays_at_the_first_number_and_comes_back():
    quantizer, variables = built(sizes=np.float32([4, 3, 2, 0.2, 0, 0.3, 2, 3]))
    optimizer = keras.optimizers.Adam(0.03)

    def moved(target, steps):
        """The points, in sixteenths of a step, after each step towards the target."""
        for _ in range(steps):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.square(quantizer(WEIGHTS, True, variables) - target))
            points = variables["points"]
            optimizer.apply([tape.gradient(loss, points.value)], [points])
            yield quantizer.encode(WEIGHTS, variables).points

    pushed = np.array([*moved(0.0, 20)])
    assert pushed[:, 3].max() == pushed[-1, 3] == -1
    assert pushed[:, 5].min() == 1
    assert (pushed[:, 4] == 0).all()
    back = np.array([*moved(WEIGHTS, 20)])
    assert back[-1, 3] < -4
    assert back[-1, 5] > 4


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_training_keeps_to_a_budget_and_moves_the_points_from_integer_to_integer(library):
    spec = tfqd.EntropyCodebook(average_bits=2, grid="int8")
    before = tfqd.size_report(tfqd.quantize_model(network(library), spec)).archive_bytes
    budget = tfqd.callbacks.ByteBudget(before, verbose=0)
    model = trained(spec, library, callbacks=[budget], rate=0.02)
    assert 0.98 * before < tfqd.size_report(model).archive_bytes <= before
    for tensor in tfqd.compress(model).quantized.values():
        np.testing.assert_array_equal(tensor.points, np.rint(tensor.points))
        assert np.count_nonzero(tensor.points == 0) == 1
        assert tensor.points[8] == 0
        assert np.abs(tensor.points - 8 * np.arange(-8, 8)).max() >= 1


@pytest.mark.parametrize(
    "spec",
    [
        tfqd.EntropyCodebook(bits=5, layout="channel", learning_rate_multiplier=5.0, grid="int8"),
        tfqd.EntropyCodebook(learning_rate_multiplier=3.0, freeze_above=0.02, grid="int8"),
    ],
    ids=repr,
)
def test_every_file_computes_what_was_trained_and_what_is_read_trains_on(spec, tmp_path):
    model = trained(spec, rate=0.02)
    check_files(model, tmp_path)
    compressed = tfqd.compress(model)
    for entry in read_manifest(tmp_path / "m.tfqd").tensors:
        assert getattr(entry, "points", None) in (None, "int8", "float8_e4m3")
    plain, again = (tfqd.load(tmp_path / "m.tfqd", kind) for kind in ("keras", "quantized"))
    restored = tfqd.compress(again).dequantize()
    for weight, (path, value) in zip(
        plain.get_weights(), compressed.dequantize().items(), strict=True
    ):
        np.testing.assert_array_equal(weight, value)
        np.testing.assert_array_equal(restored[path], value)
    again.compile(keras.optimizers.Adam(0.02), "mse")
    losses = again.fit(X, X[:, :4] ** 2, batch_size=16, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    for path, tensor in tfqd.compress(again).quantized.items():
        np.testing.assert_array_equal(tensor.points, np.rint(tensor.points))
        assert (tensor.points != compressed.quantized[path].points).any()


def test_files_take_a_byte_a_point():
    quantizer, variables = built()
    tensor = quantizer.encode(WEIGHTS, variables)
    free = dataclasses.replace(tensor, points=tensor.points + np.float32(0.3))
    sizes = [tfqd.compressed.records.payload_bytes(each) for each in (tensor, free)]
    assert sizes[1] - sizes[0] == 3 * 8
    assert quantizer.spec.point_bytes(tensor.bucketing) == 8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"bits": 8}, "grid='int8' needs bits of at most 7.*; got bits=8"),
        ({"grid": "int4"}, "grid must be one of None, 'int8'; got 'int4'"),
        ({"grid": ["int8"]}, "grid must be one of None, 'int8'; got"),
    ],
)
def test_bad_arguments_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        tfqd.EntropyCodebook(**{"grid": "int8", **arguments})


def test_bits_are_those_that_the_grid_has_room_for():
    spec = tfqd.EntropyCodebook(grid="int8")
    assert [spec.with_bits(bits).bits for bits in (2, 5, 6, 7)] == [4, 7, 7, 7]
    assert spec.can_have_bits(7)
    assert not spec.can_have_bits(8)
    assert spec.with_nominal_bits(6.5).bits == 7
    assert spec.with_nominal_bits(7.5) is None
    assert [tfqd.EntropyCodebook(grid="int8", bits=b).point_unit for b in (2, 7)] == [1 / 32, 1]


def test_what_was_written_before_there_was_a_grid_is_read():
    config = tfqd.EntropyCodebook(average_bits=1.5).to_dict()
    del config["grid"]
    assert from_dict(config) == tfqd.EntropyCodebook(average_bits=1.5)
    spec = tfqd.EntropyCodebook(average_bits=1.5, grid="int8")
    assert from_dict(spec.to_dict()) == spec


@pytest.mark.filterwarnings("ignore:.*more than the levels")
def test_a_budget_that_levels_cannot_use_is_told_with_the_most_bits_of_the_grid():
    spec = tfqd.EntropyCodebook(bits=4, average_bits=4, grid="int8")
    with pytest.warns(UserWarning, match="7, the most, do not either"):
        trained(spec, callbacks=[tfqd.callbacks.ByteBudget("1 MB", verbose=0)], epochs=1)
