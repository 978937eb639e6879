"""Layers that are frozen are not pruned."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.callbacks import Prune

X = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
Y = X[:, :2]
STEP = tfqd.LearnedStep(bits=4)
KERASES = pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])


def network(library, spec=STEP):
    library.utils.set_random_seed(0)
    layers = library.layers
    hidden = layers.Dense(16, "tanh", name="hidden")
    return tfqd.quantize_model(
        library.Sequential([layers.Input((8,)), hidden, layers.Dense(2, name="out")]), spec
    )


def hidden_layer(model):
    """The layer to freeze, which tf_keras wraps."""
    return getattr(model, "model", model).layers[-2]


def fit(model, prune):
    model.compile("sgd", "mse")
    return model.fit(X, Y, epochs=2, verbose=0, callbacks=[prune]).history


def shares(model):
    return [float(np.mean(entry.value().numpy() == 0)) for entry in model.quantized_variables]


@KERASES
def test_they_stay_as_they_are_and_do_not_count(library):
    model = network(library)
    hidden_layer(model).trainable = False
    before = model.quantized_variables[0].value().numpy()
    assert fit(model, Prune(0.75, every=1))["sparsity"][-1] == 0.75
    np.testing.assert_array_equal(model.quantized_variables[0].value(), before)
    assert shares(model) == [0, 0.75]


@KERASES
def test_they_may_be_of_a_spec_that_cannot_be_pruned(library):
    model = network(library, {"hidden/kernel": tfqd.Uniform(bits=4), "out/kernel": STEP})
    hidden_layer(model).trainable = False
    fit(model, Prune(0.75, every=1))
    assert shares(model) == [0, 0.75]


@KERASES
def test_weights_whose_points_train_alone_are_pruned(library):
    spec = tfqd.Codebook(bits=2, scaling="symmetric", preserve_zeros=True, train="points")
    model = network(library, spec)
    fit(model, Prune(0.75, every=1))
    assert shares(model) == [0.75, 0.75]


@KERASES
def test_where_all_are_frozen_there_is_nothing_to_prune(library):
    model = network(library, tfqd.Uniform(bits=4, scaling="symmetric"))
    for layer in getattr(model, "model", model).layers:
        layer.trainable = False
    with pytest.raises(ValueError, match=r"all quantized weights of model .* are frozen"):
        fit(model, Prune(0.75))
