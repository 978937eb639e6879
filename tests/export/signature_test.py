"""Inputs and outputs have names that users know, and inputs are checked."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from keras import layers
from served_models import CASES

from tfqd.export.signature import Signature


@keras.saving.register_keras_serializable(package="tfqd_export_tests")
class TwoArguments(keras.Model):
    """A subclassed model of two arguments, one of them a pair."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3)

    def build(self, image_shape, pair_shape):
        self.dense.build(image_shape)

    def call(self, image, pair):
        return {"sum": self.dense(image) + pair[0], "difference": pair[0] - pair[1]}


def names(model):
    return [spec.name for spec in Signature(model).inputs]


def outputs(model, **inputs):
    return list(Signature(model).call(model, inputs))


def test_input_layers_name_the_inputs():
    a, b = keras.Input((2,), name="left"), keras.Input((3,), name="right-hand side")
    model = keras.Model([b, a], layers.Concatenate(name="both")([a, b]))
    assert names(model) == ["right_hand_side", "left"]
    answer = Signature(model).call(
        model, {"left": np.zeros((1, 2)), "right_hand_side": np.ones((1, 3))}
    )
    np.testing.assert_array_equal(answer["both"], [[0, 0, 1, 1, 1]])


def test_input_layers_of_tf_keras_name_the_inputs():
    a, b = tf_keras.Input((2,), name="left"), tf_keras.Input((3,), name="right-hand side")
    model = tf_keras.Model([b, a], tf_keras.layers.Concatenate(name="both")([a, b]))
    assert names(model) == ["right_hand_side", "left"]
    left, right = np.zeros((1, 2)), np.ones((1, 3))
    answer = Signature(model).call(model, {"left": left, "right_hand_side": right})
    np.testing.assert_array_equal(answer["both"], [[0, 0, 1, 1, 1]])


def test_keys_name_inputs_and_outputs():
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    model = keras.Model({"a": a, "b": b}, {"sum": a + b, "1/difference": a - b})
    assert names(model) == ["a", "b"]
    x = np.ones((1, 2))
    assert outputs(model, a=x, b=x) == ["1/difference", "sum"]


def test_layers_name_the_outputs_each_once():
    a = keras.Input((2,), name="a")
    shared = layers.Dense(2, name="shared")
    model = keras.Model(a, [shared(a), shared(shared(a)), layers.ReLU(name="relu")(a)])
    assert outputs(model, a=np.ones((1, 2))) == ["shared", "shared_1", "relu"]


def test_unnamed_inputs_keep_their_name_in_a_copy():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3)])
    assert names(model) == names(keras.models.clone_model(model))


def test_names_that_begin_with_a_digit_become_arguments():
    a = keras.Input((2,), name="1st")
    assert names(keras.Model(a, layers.ReLU()(a))) == ["arg_1st"]


def test_subclassed_models_are_named_after_their_arguments():
    model = TwoArguments()
    image, part = np.ones((2, 4), "float32"), np.ones((2, 3), "float32")
    model(image, [part, part])
    signature = Signature(model)
    assert [(spec.name, spec.shape.as_list()) for spec in signature.inputs] == [
        ("image", [None, 4]),
        ("pair_0", [None, 3]),
        ("pair_1", [None, 3]),
    ]
    assert outputs(model, image=image, pair_0=part, pair_1=part) == ["difference", "sum"]


def test_an_example_gives_subclassed_models_their_dtypes():
    model = CASES["subclassed"].build()
    (spec,) = Signature(model, example=np.ones((1, 7), "int64")).inputs
    assert spec.dtype == tf.int64
    (spec,) = Signature(model, example=np.ones((1, 7))).inputs
    assert spec.dtype == tf.float32


def test_free_dimensions_stay_free_and_types_are_the_inputs():
    (spec,) = Signature(CASES["recurrent"].build()).inputs
    assert (spec.shape.as_list(), spec.dtype) == ([None, None], tf.int32)


@pytest.mark.parametrize(
    "inputs",
    [
        {"image": np.ones((2, 5, 5, 2)), "user": np.ones(2, "int32")},
        {"user": [1, 1], "image": np.ones((2, 5, 5, 2), "float16")},
        [np.ones((2, 5, 5, 2)), np.ones(2, "int64")],
    ],
    ids=["by name", "by name, in another order", "in order"],
)
def test_inputs_are_taken_in_every_form_and_cast(inputs):
    signature = Signature(CASES["several inputs, mixed"].build())
    arrays = signature.check(inputs, "probes")
    assert {name: (x.dtype.name, x.shape) for name, x in arrays.items()} == {
        "image": ("float32", (2, 5, 5, 2)),
        "user": ("int64", (2,)),
    }


@pytest.mark.parametrize("kind", [keras, tf_keras])
def test_names_of_layers_say_which_input_is_which(kind):
    b, a = kind.Input((3,), name="in-b"), kind.Input((3,), name="in-a")
    model = kind.Model([b, a], kind.layers.Subtract()([b, a]))
    ones, twos = np.ones((1, 3), np.float32), np.full((1, 3), 2, np.float32)
    for names in (("in-a", "in-b"), ("in_a", "in_b")):
        arrays = Signature(model).check(dict(zip(names, (twos, ones), strict=True)), "probes")
        np.testing.assert_array_equal(arrays["in_b"], ones)
        np.testing.assert_array_equal(arrays["in_a"], twos)
    message = "probes must be 2 arrays, for in_b, in_a; got the keys 'first', 'second'"
    with pytest.raises(ValueError, match=message):
        Signature(model).check({"first": ones, "second": twos}, "probes")


@keras.saving.register_keras_serializable(package="tfqd_export_tests")
class InNoOrder(keras.Model):
    """A subclassed model whose arguments, one of them a dict, do not come by the alphabet."""

    def build(self, second_shape, first_shape):
        pass

    def call(self, second, first):
        return second - first["left-hand"] * first["a"]


def test_arguments_say_which_input_is_which():
    model = InNoOrder()
    one, two, three = (np.full((1, 3), number, np.float32) for number in (1, 2, 3))
    model(one, {"left-hand": two, "a": three})
    given = {"first": {"left-hand": two, "a": three}, "second": one}
    arrays = Signature(model, given).check(given, "probes")
    assert {name: array[0, 0] for name, array in arrays.items()} == {
        "second": 1,
        "left_hand": 2,
        "a": 3,
    }
    with pytest.raises(ValueError, match=r"for second, a, left_hand; got the keys 'first', 'x'"):
        Signature(model).check({"first": given["first"], "x": one}, "probes")


def test_a_dict_is_taken_by_the_keys_of_the_models_own():
    inputs = {key: keras.Input((2,)) for key in ("left-hand", "a")}
    signature = Signature(keras.Model(inputs, layers.Concatenate()(list(inputs.values()))))
    arrays = signature.check({"left-hand": [[1, 2]], "a": [[3, 4]]}, "probes")
    np.testing.assert_array_equal(arrays["left_hand"], [[1, 2]])
    with pytest.raises(ValueError, match="for a, left_hand; got the keys 'a', 'b'"):
        signature.check({"a": [[1, 2]], "b": [[3, 4]]}, "probes")


@pytest.mark.parametrize("words", [{"x": ["a", "b"]}, np.array(["a", "b"]), np.array([b"a", b"b"])])
def test_strings_are_taken_in_every_form(words):
    x = keras.Input((), dtype="string", name="x")
    signature = Signature(keras.Model(x, layers.Hashing(5)(x)))
    np.testing.assert_array_equal(signature.check(words, "probes")["x"], [b"a", b"b"])
    with pytest.raises(ValueError, match=r"must be string of shape \(None,\); got int64"):
        signature.check(np.array([1, 2]), "probes")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.ones((3, 19)), r"warmup: input 'features' must be float32 of shape \(None, 20\)"),
        (np.ones((3, 20), complex), r"got complex128 of shape \(3, 20\)"),
        ([np.ones((3, 20))] * 2, "warmup must be 1 arrays, for features; got 2"),
    ],
    ids=["shape", "dtype", "number"],
)
def test_inputs_that_do_not_fit_are_refused(inputs, message):
    with pytest.raises(ValueError, match=message):
        Signature(CASES["dense of 4 bits"].build()).check(inputs, "warmup")


def test_unbuilt_models_are_refused():
    with pytest.raises(ValueError, match="has not been built"):
        Signature(keras.Sequential([layers.Dense(2)]))


class OfOneOrTwo(keras.Model):
    """A subclassed model whose second argument may be left out."""

    def __init__(self):
        super().__init__(name="both")
        self.dense = layers.Dense(3)

    def call(self, x, z=None, training=None, mask=None):
        return self.dense(x) if z is None else self.dense(x) + z


class OfTwo(OfOneOrTwo):
    """One that must be given both."""

    def call(self, x, z):
        return self.dense(x) + z


class OfShapes(OfOneOrTwo):
    """One that says the shapes of both."""

    def build(self, x_shape, z_shape):
        self.dense.build(x_shape)


def called(model):
    model(np.ones((2, 4), "float32"), np.ones((2, 3), "float32"))
    return model


def test_arguments_whose_shapes_nothing_says_are_warned_of():
    message = r"argument z of model 'both' is left out, .* build\(self, x_shape, z_shape\)"
    with pytest.warns(UserWarning, match=message):
        signature = Signature(called(OfOneOrTwo()))
    assert len(signature.inputs) == 1


def test_arguments_that_are_needed_must_be_known():
    with pytest.raises(ValueError, match="does not say the shape of argument z, which it must be"):
        Signature(called(OfTwo()))


def test_what_the_warning_advises_keeps_both_arguments():
    assert names(called(OfShapes())) == ["x", "z"]
