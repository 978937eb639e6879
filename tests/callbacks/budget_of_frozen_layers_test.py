"""Under a budget of bytes frozen layers stay as they are."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.callbacks import ByteBudget
from tfqd.export.archive_file import archive_size

X = np.random.default_rng(0).standard_normal((64, 24)).astype(np.float32)
Y = np.tanh(X[:, :8])


def network(library, frozen):
    library.utils.set_random_seed(0)
    layers = library.layers
    hidden = [layers.Dense(48, name="first"), layers.Dense(48, name="second")]
    model = library.Sequential([layers.Input((24,)), *hidden, layers.Dense(8)])
    for layer in hidden[:frozen]:
        layer.trainable = False
    return tfqd.quantize_model(model, {"(first|second)/kernel": tfqd.EntropyConstrained(bits=5)})


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_the_others_come_to_the_budget(library):
    model = network(library, frozen=1)
    model.compile(library.optimizers.Adam(0.01), "mse")
    first, second = [tensor.dequantize() for tensor in tfqd.compress(model).quantized.values()]
    budget = archive_size(model) - 200
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[ByteBudget(budget, verbose=0)])
    assert 0.99 * budget <= archive_size(model) <= budget
    after = [tensor.dequantize() for tensor in tfqd.compress(model).quantized.values()]
    np.testing.assert_array_equal(after[0], first)
    assert np.abs(after[1] - second).max() > 0.01


def test_without_others_there_is_nothing_to_train():
    model = network(keras, frozen=2)
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match=r"all tfqd.EntropyConstrained weights .* are frozen"):
        model.fit(X, Y, verbose=0, callbacks=[ByteBudget("5 kB", verbose=0)])
