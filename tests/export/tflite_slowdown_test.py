"""Forms of convolutions between the fastest and the smallest, and of products of 2 bits."""

import keras
import numpy as np
import pytest
from keras import layers
from tflite_answers import assert_answers, bits_of, exported
from tflite_by_hand import symmetric

import tfqd
from tfqd.export.litert.lowering.forms import ConvolutionForm, Cost, chosen_forms

INT8, INT4, PRODUCT = ConvolutionForm
CHEAP = {INT8: Cost(1000, 10), INT4: Cost(500, 20)}
DEAR = {INT8: Cost(1000, 10), INT4: Cost(500, 80)}
FREE = {INT8: Cost(1000, 10), PRODUCT: Cost(500, 10)}


@pytest.fixture
def network():
    """Much time and few weights in front, many weights and little time behind."""
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 8), name="x")
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    x = layers.MaxPooling2D(4)(x)
    x = layers.Conv2D(64, 1, activation="relu")(x)
    return keras.Model(image, layers.Conv2D(64, 3, padding="same")(x))


@pytest.mark.parametrize(
    ("slowdown", "forms"),
    [
        (1, [INT8, INT8, PRODUCT]),
        (1.1, [INT8, INT8, PRODUCT]),
        (1.25, [INT4, INT8, PRODUCT]),
        (1.8, [INT4, INT8, PRODUCT]),
        (2.6, [INT4, INT4, PRODUCT]),
    ],
)
def test_bytes_are_saved_where_they_cost_least_time(slowdown, forms):
    # 10 each, and 20 of others: 5 are spare at 1.1.
    assert chosen_forms([CHEAP, DEAR, FREE], other=20, slowdown=slowdown) == forms


def test_time_of_others_counts():
    assert chosen_forms([CHEAP], other=0, slowdown=1.5) == [INT8]
    assert chosen_forms([CHEAP], other=90, slowdown=1.1) == [INT4]
    assert chosen_forms([], other=1, slowdown=2) == []


def test_a_smaller_form_is_made_smaller_again_where_time_is_left():
    costs = {INT8: Cost(1000, 10), PRODUCT: Cost(600, 12), INT4: Cost(500, 30)}
    assert chosen_forms([costs], 0, 2) == [PRODUCT]
    assert chosen_forms([costs], 0, 3) == [INT4]


def test_files_get_smaller_as_they_may_get_slower(network, tmp_path):
    path, sizes, types = tmp_path / "m.tflite", [], []
    for slowdown in (1, 2, 100):
        quantized, report = exported(network, path, slowdown=slowdown)
        sizes.append(report.bytes)
        types.append([row.type for row in report.weights])
        assert_answers(path, quantized, bits_of((3, 32, 32, 8)), atol=0.02)
    # The 1x1 convolution is a product in all: it is as fast.
    assert types == [["int8", "int4", "int8"], ["int8", "int4", "int4"], ["int4", "int4", "int4"]]
    assert sizes == sorted(sizes, reverse=True)
    assert exported(network, path, prefer="speed")[1].bytes == sizes[0]


def test_integer_activations_have_the_choice_too(network, tmp_path):
    examples = np.random.default_rng(0).normal(size=(20, 32, 32, 8)).astype(np.float32)
    options = {"slowdown": 2, "representative_dataset": examples, "tolerance": 0.5}
    _, report = exported(network, tmp_path / "m.tflite", **options)
    assert report.integer_activations
    assert [row.type for row in report.weights] == ["int8", "int4", "int4"]


def test_images_of_free_size_stay_as_fast_as_can_be(tmp_path):
    image = keras.Input((None, None, 8), name="x")
    model = keras.Model(image, layers.Conv2D(64, 3)(image))
    _, report = exported(model, tmp_path / "m.tflite", slowdown=100)
    assert report.weights[0].type == "int8"


def test_large_convolutions_of_images_of_free_size_are_no_patches(tmp_path):
    image = keras.Input((None, None, 64), name="x")
    model = keras.Model(image, layers.Conv2D(80, 3)(image))
    _, report = exported(model, tmp_path / "m.tflite", prefer="size")
    assert report.weights[0].type == "int4"
    assert report.operators == {"CONV_2D": 1}


@pytest.mark.parametrize(
    ("options", "type"),
    [
        ({}, "int2"),
        ({"expected_batch": 8}, "int4"),
        ({"batch_size": 8}, "int4"),
        ({"batch_size": 8, "prefer": "size"}, "int2"),
    ],
)
def test_two_bits_lie_in_int2_where_a_call_has_one_row(options, type, tmp_path):
    x = keras.Input((16,), name="x")
    model = keras.Model(x, layers.Dense(8)(x))
    _, report = exported(model, tmp_path / "m.tflite", symmetric(2), int2=True, **options)
    assert report.weights[0].type == type


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slowdown": 0.9}, "slowdown must be at least 1, the time of the fastest forms; got 0.9"),
        ({"slowdown": 2, "prefer": "size"}, "slowdown=2 bounds the time; prefer='size' does not"),
        ({"slowdown": "2"}, "slowdown"),
        ({"slowdown": float("nan")}, "slowdown"),
        ({"expected_batch": 0}, "expected_batch"),
    ],
)
def test_bad_options_are_refused(options, message, network, tmp_path):
    with pytest.raises((ValueError, TypeError), match=message):
        tfqd.export.tflite(network, tmp_path / "m.tflite", **options)
    assert not list(tmp_path.iterdir())
