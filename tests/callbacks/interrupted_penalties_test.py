"""What an interrupted fit leaves in the loss is replaced by the next one, not added to."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.callbacks import ByteBudget, DampenOscillations
from tfqd.callbacks.callback import Callback
from tfqd.export.archive_file import archive_size

X = np.random.default_rng(0).standard_normal((64, 24)).astype(np.float32)
Y = np.tanh(X[:, :8])


class Stop(Callback):
    """Interrupts a fit as Ctrl-C does."""

    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt


def network(library):
    library.utils.set_random_seed(0)
    layers = library.layers
    model = library.Sequential([layers.Input((24,)), layers.Dense(32), layers.Dense(8)])
    quantized = tfqd.quantize_model(model, tfqd.EntropyConstrained(bits=5))
    quantized.compile(library.optimizers.SGD(0.0), "mse")
    return quantized


@pytest.mark.parametrize("kind", ["price", "pull"])
@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_there_is_one_penalty_of_a_kind(library, kind):
    model = network(library)

    def callback(model):
        if kind == "pull":
            return DampenOscillations(1.0)
        return ByteBudget(archive_size(model), verbose=0)

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, verbose=0, callbacks=[callback(model), Stop()])
    assert len(model.losses) == 2
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, verbose=0, callbacks=[callback(model), Stop()])
    assert len(model.losses) == 2
    fresh = network(library)
    left, given = (
        each.fit(X, Y, epochs=2, verbose=0, callbacks=[callback(each)]).history["loss"]
        for each in (model, fresh)
    )
    np.testing.assert_allclose(left, given, rtol=1e-3)
    assert model.losses == []
    (loss,) = model.fit(X, Y, verbose=0).history["loss"]
    assert loss == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-6)


def test_a_fit_that_was_interrupted_can_be_ended_by_hand():
    model = network(keras)
    callback = ByteBudget(archive_size(model), verbose=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, verbose=0, callbacks=[callback, Stop()])
    callback.on_train_end()
    assert model.losses == []
