"""A small network with codes that are chosen with their length in view, and its files."""

import keras
import numpy as np
import tensorflow as tf

import tfqd

X = np.random.default_rng(0).standard_normal((64, 12)).astype(np.float32)


def network(library=keras):
    library.utils.set_random_seed(0)
    layers = library.layers
    return library.Sequential(
        [layers.Input((12,)), layers.Dense(64, activation="relu"), layers.Dense(4)]
    )


def trained(spec, library=keras, epochs=3, callbacks=(), rate=0.01):
    model = tfqd.quantize_model(network(library), spec)
    model.compile(library.optimizers.Adam(rate), "mse")
    fitting = {"epochs": epochs, "batch_size": 16, "callbacks": list(callbacks), "verbose": 0}
    model.fit(X, X[:, :4] ** 2, **fitting)
    return model


def check_files(model, folder):
    """Holds that an archive, a .keras file and a SavedModel answer as a model of Keras 3 does."""
    expected = model(X).numpy()
    tfqd.save(model, folder / "m.tfqd")
    np.testing.assert_allclose(tfqd.load(folder / "m.tfqd")(X), expected, atol=1e-5)
    again = tfqd.load(folder / "m.tfqd", "quantized")
    np.testing.assert_allclose(again(X), expected, atol=1e-5)
    specs, loaded = (
        [entry.quantizer.spec for entry in each.quantized_variables] for each in (model, again)
    )
    assert loaded == specs
    model.save(folder / "m.keras")
    np.testing.assert_array_equal(keras.saving.load_model(folder / "m.keras")(X), expected)
    tfqd.export.saved_model(model, folder / "served")
    served = tf.saved_model.load(str(folder / "served" / "1"))
    answer = next(iter(served.signatures["serving_default"](tf.constant(X)).values()))
    np.testing.assert_allclose(answer, expected, atol=1e-5)
