"""Outputs of inner layers, read in the one forward pass there is."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfqd
from tfqd.wrapping.keras3.features import Keras3FeatureReader

X = np.random.default_rng(1).normal(size=(4, 6)).astype("float32")


def nested():
    block = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, name="inner")], name="block")
    return keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(5, name="first"), block, keras.layers.Dense(2)],
        name="outer",
    )


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.one = keras.layers.Dense(5, name="one")
        self.shared = keras.layers.Dense(5, name="shared")
        self.loop = keras.layers.RNN(keras.layers.GRUCell(3, name="cell"), name="loop")

    def call(self, x):
        x = self.shared(self.shared(self.one(x)))
        return self.loop(x[:, None, :])


@pytest.fixture
def subclassed():
    model = Subclassed()
    model(X)
    return model


def test_reads_layers_of_nested_models_in_eager_and_graph_mode():
    model = nested()
    reader = Keras3FeatureReader(model, ["first", "block/inner"])
    expected = model.layers[0](X)
    for call in (model, tf.function(model)):
        outputs, features = reader(call, X)
        np.testing.assert_allclose(outputs, model(X), rtol=1e-6)
        if call is model:
            np.testing.assert_allclose(features["first"], expected, rtol=1e-6)
            np.testing.assert_allclose(
                features["block/inner"], model.layers[1](expected), rtol=1e-6
            )


def test_reads_the_quantized_layers_of_a_quantized_model():
    model = tfqd.quantize_model(nested(), tfqd.Uniform(bits=1))
    _, features = Keras3FeatureReader(model, ["first"])(model, X)
    plain = tfqd.strip_quantization(model)
    np.testing.assert_allclose(features["first"], plain.layers[0](X), rtol=1e-5)


def test_knows_the_shapes_before_any_data():
    assert Keras3FeatureReader(nested(), ["first", "inner"]).shapes() == {
        "first": (None, 5),
        "inner": (None, 4),
    }


def test_a_subclassed_model_gives_its_features(subclassed):
    _, features = Keras3FeatureReader(subclassed, ["one"])(subclassed, X)
    np.testing.assert_allclose(features["one"], subclassed.one(X), rtol=1e-6)


def test_leaves_the_layers_as_they_were():
    model = nested()
    reader = Keras3FeatureReader(model, ["first"])
    reader(model, X)
    with pytest.raises(ZeroDivisionError):
        reader(lambda: 1 / 0)
    assert "call" not in vars(model.layers[0])


def test_threads_do_not_see_each_others_features():
    model = nested()
    reader = Keras3FeatureReader(model, ["first"])
    meet, found = threading.Barrier(2), {}

    def run(factor):
        def slow(x):
            meet.wait(10)
            outputs = model(x)
            meet.wait(10)
            return outputs

        found[factor] = reader(slow, factor * X)[1]["first"]

    threads = [threading.Thread(target=run, args=(factor,)) for factor in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for factor, feature in found.items():
        np.testing.assert_allclose(feature, model.layers[0](factor * X), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "'outer' has no layer called 'missing'; it has .*first, block"),
        ("dense", "has no layer called 'dense'"),
    ],
)
def test_a_layer_that_does_not_exist_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        Keras3FeatureReader(nested(), [name])


def test_a_name_that_two_layers_share_is_refused():
    block = [
        keras.Sequential([keras.Input((6,)), keras.layers.Dense(6, name="same")]) for _ in "ab"
    ]
    model = keras.Sequential([keras.Input((6,)), *block])
    with pytest.raises(ValueError, match="has 2 layers called 'same'; name one by the end of"):
        Keras3FeatureReader(model, ["same"])
    reader = Keras3FeatureReader(model, [f"{block[1].name}/same"])
    np.testing.assert_allclose(reader(model, X)[1].popitem()[1], model(X), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shared", "'shared' was called 2 times in a forward pass"),
        ("cell", "'cell' (runs inside a loop|was called)"),
    ],
)
def test_a_layer_without_a_single_output_is_refused(subclassed, name, message):
    reader = Keras3FeatureReader(subclassed, [name])
    with pytest.raises(ValueError, match=message):
        tf.function(lambda x: reader(subclassed, x)[1])(X)
