"""What is validated under a budget of bytes is what the file of the epoch holds."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.callbacks import ByteBudget
from tfqd.callbacks.callback import Callback

X = np.random.default_rng(0).standard_normal((128, 24)).astype(np.float32)
Y = np.tanh(X[:, :8])


class Mse(Callback):
    """Notes after each epoch the error of the model as it then is."""

    def __init__(self):
        super().__init__()
        self.values = []

    def on_epoch_end(self, epoch, logs=None):
        self.values.append(float(np.mean((self.model(X) - Y) ** 2)))


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_the_loss_of_validation_is_that_of_the_file_of_its_epoch(library):
    library.utils.set_random_seed(0)
    layers = library.layers
    model = library.Sequential([layers.Input((24,)), layers.Dense(64), layers.Dense(8)])
    quantized = tfqd.quantize_model(model, tfqd.EntropyConstrained(bits=5))
    budget = tfqd.export.archive_file.archive_size(quantized) - 50
    quantized.compile(library.optimizers.Adam(0.01), "mse")
    error = Mse()
    history = quantized.fit(
        *(X, Y),
        epochs=3,
        batch_size=8,
        validation_data=(X, Y),
        callbacks=[ByteBudget(budget, verbose=0), error],
        verbose=0,
    ).history
    np.testing.assert_allclose(history["val_loss"], error.values, rtol=1e-5)
    assert all(price > 0 for price in history["bit_price"])
    assert all(size <= budget for size in history["size_bytes"])
