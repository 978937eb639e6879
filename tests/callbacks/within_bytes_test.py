"""One number of bytes chooses what a model is quantized to, and how it trains to it."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd

X = np.random.default_rng(0).standard_normal((128, 24)).astype(np.float32)
Y = np.tanh(X[:, :8])


def dense(library):
    library.utils.set_random_seed(0)
    layers = library.layers
    return library.Sequential(
        [layers.Input((24,)), layers.Dense(160, activation="relu"), layers.Dense(8)]
    )


@pytest.mark.parametrize("library", [keras, tf_keras])
@pytest.mark.parametrize(
    ("budget", "spec", "is_met"),
    [
        (3600, tfqd.EntropyConstrained(bits=4), True),
        (6500, tfqd.EntropyConstrained(bits=8), True),
        ("9 kB", tfqd.LearnedStep(bits=8), False),
    ],
)
def test_the_file_takes_the_budget_and_no_more(library, budget, spec, is_met, tmp_path):
    model = dense(library)
    found, callbacks = tfqd.callbacks.within_bytes(model, budget, verbose=0)
    assert found == spec
    quantized = tfqd.quantize_model(model, found)
    quantized.compile(library.optimizers.Adam(0.01), "mse")
    quantized.fit(X, Y, epochs=1, batch_size=32, verbose=0, callbacks=callbacks)
    tfqd.save(quantized, tmp_path / "m.tfqd")
    size, wanted = (tmp_path / "m.tfqd").stat().st_size, tfqd.spec.budget.parse_bytes(budget)
    assert size <= wanted
    assert (size >= 0.99 * wanted) == is_met


def test_examples_tell_which_tensors_start_with_more_bits(tmp_path):
    model = dense(keras)
    model.compile("adam", "mse")
    chosen, callbacks = tfqd.callbacks.within_bytes(model, 3300, verbose=0, data=(X, Y))
    bits = {share.path: share.spec.average_bits for share in chosen.shares}
    assert len({*bits.values()}) == 2
    assert chosen.size <= 3300
    quantized = tfqd.quantize_model(model, chosen)
    quantized.compile(keras.optimizers.Adam(0.01), "mse")
    quantized.fit(X, Y, epochs=1, batch_size=32, verbose=0, callbacks=callbacks)
    tfqd.save(quantized, tmp_path / "m.tfqd")
    assert 0.99 * 3300 <= (tmp_path / "m.tfqd").stat().st_size <= 3300


def test_what_whole_bits_cannot_do_is_left_to_training():
    model = dense(keras)
    model.compile("adam", "mse")
    chosen, _ = tfqd.callbacks.within_bytes(model, 1200, verbose=0, data=(X, Y))
    assert chosen == tfqd.EntropyConstrained(bits=4)


def test_a_budget_that_is_no_size_is_refused():
    with pytest.raises(ValueError, match="a size must be a positive number of bytes"):
        tfqd.callbacks.within_bytes(dense(keras), "small")
