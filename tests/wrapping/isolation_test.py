"""The user's own model is never changed."""

import json

import keras
import numpy as np
from keras import layers

import tfqd

X = np.random.default_rng(0).normal(size=(16, 8)).astype("float32")
Y = X[:, :1]


def compiled_model():
    keras.utils.set_random_seed(1)
    block = keras.Sequential([keras.Input((6,)), layers.Dense(6), layers.BatchNormalization()])
    x = keras.Input((8,))
    y = layers.Dropout(0.3)(block(layers.Dense(6, activation="relu")(x)))
    model = keras.Model(x, layers.Dense(1)(y))
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    model.fit(X, Y, epochs=1, verbose=0)
    model.layers[1].trainable = False
    return model


def snapshot(model):
    """Everything that one could see of a change."""
    return {
        "weights": [weight.tolist() for weight in model.get_weights()],
        "variables": [np.array(variable.numpy()).tolist() for variable in model.variables],
        "identities": [id(variable) for variable in model.variables],
        "trainable": [variable.path for variable in model.trainable_variables],
        "config": json.dumps(keras.saving.serialize_keras_object(model)),
        "optimizer": [variable.numpy().tolist() for variable in model.optimizer.variables],
        "metrics": [variable.numpy().tolist() for variable in model.metrics_variables],
        "outputs": np.array(model(X)).tolist(),
        "losses": len(model.losses),
    }


def test_nothing_that_tfqd_does_changes_the_user_s_model():
    model = compiled_model()
    before = snapshot(model)
    optimizer = model.optimizer

    quantized = tfqd.quantize_model(model, tfqd.Codebook(bits=2), first_last=None)
    assert snapshot(model) == before
    quantized.compile(keras.optimizers.Adam(0.1), "mse")
    quantized.fit(X, Y, epochs=1, verbose=0)
    assert snapshot(model) == before
    stripped = tfqd.strip_quantization(quantized)
    stripped.compile("sgd", "mse")
    stripped.fit(X, Y, epochs=1, verbose=0)
    tfqd.compress(quantized)
    tfqd.size_report(quantized)
    quantized.trainable = False
    assert snapshot(model) == before
    assert model.optimizer is optimizer


def test_what_tfqd_makes_of_a_quantized_model_shares_nothing_with_it():
    quantized = tfqd.quantize_model(compiled_model(), tfqd.Codebook(bits=2))
    outputs = np.array(quantized(X))
    stripped, compressed = tfqd.strip_quantization(quantized), tfqd.compress(quantized)
    stripped.set_weights([0.0 * weight for weight in stripped.get_weights()])
    for array in compressed.rest.values():
        array[...] = 0.0
    np.testing.assert_array_equal(quantized(X), outputs)


def test_a_quantized_model_is_not_compiled_and_its_layers_stay_frozen():
    model = compiled_model()
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    assert not quantized.compiled
    frozen = {weight.path for weight in model.weights} - {w.path for w in model.trainable_weights}
    assert len(frozen) == 4
    assert {w.path for w in quantized.model.non_trainable_weights} >= frozen
