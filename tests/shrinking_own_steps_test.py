"""A model class with a training of its own keeps it when channels are taken out."""

import warnings

import keras
import numpy as np
import pytest
from shrinkable_models import after, assert_alike, emptied, layers

import tfqd

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")


class Counted:
    """Mixin: a step of one's own, which says that it ran."""

    def train_step(self, data):
        return {**super().train_step(data), "own": 1.0}


class OwnGraph(Counted, keras.Model):
    pass


class OwnChain(Counted, keras.Sequential):
    pass


class OfUnits(Counted, keras.Model):
    """Is not made of inputs and outputs."""

    def __init__(self, units, name=None):
        inputs = keras.Input((4,))
        hidden = layers.Dense(units, "sigmoid", name="hidden")(inputs)
        super().__init__(inputs, layers.Dense(2, name="out")(hidden), name=name)
        self.units = units

    def get_config(self):
        return {"units": self.units, "name": self.name}


def of_layers(kind):
    parts = [layers.Dense(8, "sigmoid", name="hidden"), layers.Dense(2, name="out")]
    if issubclass(kind, keras.Sequential):
        model = kind([keras.Input((4,)), *parts])
    else:
        inputs = keras.Input((4,))
        model = kind(inputs, parts[1](parts[0](inputs)))
    return with_constants(model)


def with_constants(model):
    emptied(model.get_layer("hidden"), [0, 1, 2], bias=0.5)
    return model


@pytest.mark.parametrize("kind", [OwnGraph, OwnChain])
@pytest.mark.parametrize("quantized", [False, True], ids=["float", "quantized"])
def test_a_shrunk_model_trains_by_its_class(kind, quantized):
    model = of_layers(kind)
    if quantized:
        model = tfqd.quantize_model(model, tfqd.LearnedStep(bits=8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = tfqd.shrink(model)
    assert after(found) == {"hidden": 5, "out": 2}
    assert_alike(model, found.model, (4,))
    found.model.compile("sgd", "mse")
    history = found.model.fit(X, X[:, :2], verbose=0).history
    assert history["own"] == [1.0]


@pytest.mark.parametrize("quantized", [False, True], ids=["float", "quantized"])
def test_a_class_that_is_not_made_of_a_graph_is_told_of(quantized):
    model = with_constants(OfUnits(8))
    if quantized:
        model = tfqd.quantize_model(model, tfqd.LearnedStep(bits=8))
    message = (
        "OfUnits's own train_step is not kept by its shrunk model, which is made of the "
        "model's graph, and of a class alone that is made of inputs, outputs and name"
    )
    with pytest.warns(UserWarning, match=message) as told:
        found = tfqd.shrink(model)
    assert told[0].filename == __file__
    assert_alike(model, found.model, (4,))
