"""Weights that start at zero, which nobody has pruned."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.callbacks import Prune

X = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
Y = X @ np.random.default_rng(1).normal(size=(8, 4)).astype("float32") + 1
KERASES = pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])


def network(library, initializer="glorot_uniform"):
    library.utils.set_random_seed(0)
    layers = library.layers
    hidden = layers.Dense(20, "tanh", name="hidden")
    out = layers.Dense(4, kernel_initializer=initializer, name="out")
    model = library.Sequential([layers.Input((8,)), hidden, out])
    model = tfqd.quantize_model(model, {".*": tfqd.LearnedStep(bits=4)})
    model.compile(library.optimizers.Adam(0.02), "mse")
    return model


def fit(model, prune, **options):
    arguments = {"epochs": 2, "batch_size": 8, "verbose": 0, **options}
    return model.fit(X, Y, callbacks=[prune], **arguments).history


def shares(model):
    return [float(np.mean(entry.value().numpy() == 0)) for entry in model.quantized_variables]


@KERASES
@pytest.mark.parametrize("gradient", ["frozen", "revive"])
@pytest.mark.parametrize("initializer", ["glorot_uniform", "zeros"])
def test_they_train_like_any_others(library, gradient, initializer):
    model = network(library, initializer)
    sparsity = fit(model, Prune(0.25, end=0.5, every=1, gradient=gradient))["sparsity"]
    assert sparsity[-1] == pytest.approx(0.25)
    assert shares(model) == pytest.approx([0.25] * 4)
    tfqd.unpruned(model)  # It refuses weights that may have been pruned by something else.


def test_they_do_so_in_a_second_fit_that_is_the_first_to_move_them():
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    fit(model, Prune(0.25, every=1))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    fit(model, Prune(0.25, every=1))
    assert shares(model) == pytest.approx([0.25] * 4)


def test_some_zeros_in_a_tensor_of_a_loaded_model_are_taken_for_pruned(tmp_path):
    model = network(keras)
    fit(model, Prune(0.75, end=0.5, every=1))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    zeros = [entry.value().numpy() == 0 for entry in loaded.quantized_variables]
    fit(loaded, Prune(0.75, every=1))
    for entry, before in zip(loaded.quantized_variables, zeros, strict=True):
        assert np.all(entry.value().numpy()[before] == 0)
