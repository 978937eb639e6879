"""Sequential models are made again as Keras makes them, but built once."""

import keras
import numpy as np
import pytest
from keras import layers

import tfqd
from tfqd.wrapping.keras3.cloning import copy_model

X = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")


def with_input():
    return keras.Sequential(
        [keras.Input((6,)), layers.Dense(5, "relu"), layers.BatchNormalization(), layers.Dense(2)],
        name="plain",
    )


def without_input():
    model = keras.Sequential([layers.Dense(5, name="first"), layers.Dense(2, name="second")])
    model.build((None, 6))
    return model


def nested():
    block = keras.Sequential([keras.Input((6,)), layers.Dense(6), layers.ReLU()], name="block")
    return keras.Sequential([keras.Input((6,)), block, layers.Dense(2)], name="outer")


def in_a_functional_model():
    x = keras.Input((6,))
    return keras.Model(x, layers.Add()([with_input()(x), without_input()(x)]))


MODELS = [with_input, without_input, nested, in_a_functional_model]


@pytest.fixture
def builds(monkeypatch):
    """The names of the Sequential models that are built, as they are built."""
    names, build = [], keras.Sequential.build

    def counted(self, input_shape=None):
        names.append(self.name)
        return build(self, input_shape)

    monkeypatch.setattr(keras.Sequential, "build", counted)
    return names


@pytest.mark.parametrize("make", MODELS)
def test_every_sequential_model_is_built_once(make, builds, tmp_path):
    model = make()
    builds.clear()
    quantized = tfqd.quantize_model(model, 4)
    assert builds
    assert len(builds) == len(set(builds))
    compressed = tfqd.compress(quantized)
    for again in (
        lambda: tfqd.strip_quantization(quantized),
        lambda: tfqd.wrapping.model_from_compressed(compressed),
        lambda: type(quantized).from_config(quantized.get_config()),
    ):
        builds.clear()
        again()
        assert builds
        assert len(builds) == len(set(builds))


@pytest.mark.parametrize("make", MODELS)
def test_copies_are_those_that_keras_makes(make):
    model = make()
    copy = copy_model(model)
    reference = type(model).from_config(model.get_config())
    for one, other in (
        (copy.get_config(), reference.get_config()),
        ([type(each) for each in copy.layers], [type(each) for each in reference.layers]),
        (copy.built, reference.built),
        (copy.output_shape, reference.output_shape),
    ):
        assert one == other
    np.testing.assert_array_equal(copy(X), model(X))
