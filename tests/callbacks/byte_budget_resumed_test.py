"""Trainings to a budget of bytes that go on from what an earlier one has left."""

import keras
import numpy as np
import pytest

import tfqd
from tfqd.callbacks import ByteBudget
from tfqd.export.archive_file import archive_size

X = np.random.default_rng(0).standard_normal((256, 24)).astype(np.float32)
Y = np.tanh(X[:, :8])


def network(bits=5, accumulated=None):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential([layers.Input((24,)), layers.Dense(160, "relu"), layers.Dense(8)])
    quantized = tfqd.quantize_model(model, tfqd.EntropyConstrained(average_bits=2, bits=bits))
    optimizer = keras.optimizers.Adam(0.01, gradient_accumulation_steps=accumulated)
    quantized.compile(optimizer, "mse")
    return quantized


class Killed(Exception):
    """What ends a fit in the middle of training."""


class Kill(keras.callbacks.Callback):
    """Ends a fit before the first step of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.last = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self.epoch == self.last:
            raise Killed


# Of the second budget the levels cannot make use; the third has three batches an epoch, the last
# adds up the gradients of five.
@pytest.mark.filterwarnings("ignore:.*more than the levels")
@pytest.mark.parametrize(
    ("bits", "above", "batch_size", "accumulated"),
    [(5, 0, 16, None), (3, 3000, 16, None), (5, 0, 96, None), (5, 0, 16, 5)],
    ids=str,
)
def test_a_killed_fit_goes_on_as_the_whole_one_would_have(
    bits, above, batch_size, accumulated, tmp_path
):
    budget = archive_size(network()) + above

    def run(folder, *more):
        keras.utils.clear_session()  # Names are a part of the file, and so of its size.
        model = network(bits, accumulated)
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / folder))
        callbacks = [ByteBudget(budget, verbose=0), backup, *more]
        arguments = {"epochs": 5, "batch_size": batch_size, "shuffle": False, "verbose": 0}
        history = model.fit(X, Y, callbacks=callbacks, **arguments).history
        return model.get_weights(), history["bit_price"][-2:]

    whole, prices = run("whole")
    with pytest.raises(Killed):
        run("killed", Kill(3))
    resumed, prices_then = run("killed")
    assert prices_then == prices
    for one, other in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_price_moves_in_epochs_of_few_batches_too():
    model = network()
    callback = ByteBudget(archive_size(model), verbose=0)
    options = {"batch_size": 64, "verbose": 0}
    prices = model.fit(X, Y, epochs=6, callbacks=[callback], **options).history["bit_price"]
    assert prices[1] == prices[2] != prices[3] == prices[4] != prices[5]


def test_a_fit_that_goes_on_begins_with_what_the_last_one_left(tmp_path):
    model = network()
    budget = archive_size(model) - 200
    checkpoint = keras.callbacks.ModelCheckpoint(str(tmp_path / "m.keras"))
    model.fit(X, Y, verbose=0, callbacks=[ByteBudget(budget, verbose=0), checkpoint])
    resumed = keras.saving.load_model(tmp_path / "m.keras")
    with pytest.raises(Killed):
        resumed.fit(X, Y, verbose=0, callbacks=[ByteBudget(budget, verbose=0), Kill(0)])
    for one, other in zip(resumed.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
