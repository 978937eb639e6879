"""The paper's rule for numbers of points, by its worked examples and on models."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import tfqd
from tfqd.allocation import redistribute_points

NORMS = st.lists(st.floats(0, 1e6), min_size=1, max_size=12).filter(sum)
DATA = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")
LABELS = (DATA[:, 0] > 0).astype("int64")


def network():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(20, activation="relu"), keras.layers.Dense(2)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.parametrize(("points", "expected"), [(16, [10, 12, 14, 28]), (4, [2, 3, 4, 7])])
def test_the_papers_worked_examples(points, expected):
    assert redistribute_points([1, 2, 3, 10], points) == expected


@given(NORMS, st.integers(2, 256))
def test_the_number_of_points_stays(norms, points):
    new = redistribute_points(norms, points)
    assert sum(new) == points * len(norms)
    assert len(new) == len(norms)


@given(NORMS, st.integers(4, 64))
def test_larger_norms_get_no_fewer_points_but_for_what_rounding_left(norms, points):
    new = redistribute_points(norms, points)
    order = np.argsort(norms, kind="stable")
    steps = np.diff(np.array(new)[order])
    assert (steps < 0).sum() <= 2


def test_surplus_of_rounding_is_taken_from_the_largest():
    # Kept 2 each; the rest of 6 would be 1.5 + 1.5 + 3, rounded 2 + 2 + 3.
    assert redistribute_points([1, 1, 2], 4) == [4, 4, 4]


def test_deficit_of_rounding_is_given_to_the_smallest():
    # Kept 1, 1 and 2; the rest of 5 would be 1.25 each and 2.5, rounded 1 + 1 + 2.
    assert redistribute_points([1, 1, 2], [2, 3, 4]) == [3, 2, 4]


def test_tensors_may_begin_with_points_of_their_own():
    assert redistribute_points([0, 1], [9, 8]) == [4, 13]


@pytest.mark.parametrize(
    ("norms", "points", "message"),
    [
        ([0, 0], 4, "norms must not all be 0"),
        ([1, -1], 4, "norms must be finite numbers of at least 0; got -1"),
        ([1, float("nan")], 4, "norms must be finite numbers of at least 0; got nan"),
        ([1, float("inf")], 4, "norms must be finite"),
        ([1, True], 4, "norms must be finite"),
        ([1, 2], 1, "points must be integers of at least 2; got 1"),
        ([1, 2], [4, 4.0], "points must be integers of at least 2"),
        ([1, 2], [4], "there must be as many points as norms; got 1, 2"),
    ],
)
def test_refuses_norms_and_points_that_are_none(norms, points, message):
    with pytest.raises(ValueError, match=message):
        redistribute_points(norms, points)


def test_points_follow_the_gradient_norms_of_the_mean_loss_over_five_batches():
    model = network()
    allocation = tfqd.allocate_points(
        model, (DATA[:20], LABELS[:20]), spec=tfqd.Codebook(), batch_size=4
    )
    with tf.GradientTape() as tape:  # five batches of 4 are one of 20
        outputs = model(DATA[:20])
        loss = model.loss(LABELS[:20], outputs)
    kernels = [layer.kernel for layer in model.layers]
    norms = [np.linalg.norm(g) for g in tape.gradient(loss, [k.value for k in kernels])]
    counts = [spec.levels for spec in allocation.values()]
    assert counts == redistribute_points(norms, 16)
    assert counts != [16, 16]


def test_by_default_the_paper_redistributes_among_all_trainable_tensors():
    allocation = tfqd.allocate_points(network(), (DATA, LABELS))
    assert len(allocation) == 4
    assert sum(spec.levels for spec in allocation.values()) == 4 * 16
    assert {spec.train for spec in allocation.values()} == {"points"}
    assert {spec.bucket_size for spec in allocation.values()} == {256}


def test_a_number_of_points_that_is_no_power_of_two_works_to_the_end(tmp_path):
    model = network()
    allocation = tfqd.allocate_points(model, (DATA, LABELS), spec=tfqd.Codebook(bits=3))
    levels = [spec.levels for spec in allocation.values()]
    assert any(count & (count - 1) for count in levels)
    quantized = tfqd.quantize_model(model, allocation)
    quantized.compile(keras.optimizers.Adam(0.01), model.loss)
    quantized.fit(DATA, LABELS, verbose=0)
    tensors = tfqd.compress(quantized).quantized.values()
    assert [tensor.levels for tensor in tensors] == levels
    assert [tensor.bits for tensor in tensors] == [(count - 1).bit_length() for count in levels]
    tfqd.save(quantized, tmp_path / "model.tfqd")
    np.testing.assert_array_equal(tfqd.load(tmp_path / "model.tfqd")(DATA), quantized(DATA))


def test_other_methods_of_the_selection_stay_as_they_are():
    uniform = tfqd.Uniform(bits=3)
    first, second = network().layers
    spec = {f"{second.name}/kernel": uniform, f"{first.name}/": tfqd.Codebook(bits=2)}
    model = keras.Sequential([keras.Input((6,)), first, second])
    allocation = tfqd.allocate_points(
        model, (DATA, LABELS), spec=spec, loss="sparse_categorical_crossentropy"
    )
    assert sum(isinstance(each, tfqd.Codebook) for each in allocation.values()) == 2
    assert uniform in allocation.values()
    with pytest.raises(ValueError, match=r"must have a tfqd\.Codebook to redistribute"):
        tfqd.allocate_points(model, (DATA, LABELS), spec=uniform, loss="mse")


def test_more_points_than_a_code_can_tell_apart_are_cut_off():
    allocation = tfqd.allocate_points(network(), (DATA, LABELS), spec=tfqd.Codebook(bits=8))
    assert max(spec.levels for spec in allocation.values()) == 256


def test_no_more_points_than_lie_on_the_grid_are_given():
    spec = tfqd.Codebook(bits=4, points=15, scaling="symmetric", grid="int4")
    allocation = tfqd.allocate_points(network(), (DATA, LABELS), spec=spec)
    levels = [spec.levels for spec in allocation.values()]
    assert max(levels) == 15
    assert min(levels) < 15


def test_a_single_point_is_refused():
    model = network()
    model.layers[1].kernel.assign(np.zeros((20, 2)))  # so that the first has no gradient
    with pytest.raises(ValueError, match="would get 1 point of 2; give more to begin with"):
        tfqd.allocate_points(model, (DATA, LABELS), spec=tfqd.Codebook(bits=1))
