"""Models that random inputs do not suit are weighed by examples, or without probes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from keras import layers, ops

import tfqd
from tfqd.callbacks import ByteBudget, within_bytes
from tfqd.export.archive_file import archive_size

RNG = np.random.default_rng(0)
X = (np.abs(RNG.normal(size=(40, 6))) + 0.1).astype(np.float32)
Y = np.arange(40) % 2
LOSS = "sparse_categorical_crossentropy"
KITS = pytest.mark.parametrize("kit", [keras, tf_keras], ids=["keras", "tf_keras"])


def of_logarithms(kit=keras):
    """A model of logarithms, which negative numbers have none of."""
    kit.utils.set_random_seed(0)
    x = kit.Input((6,))
    logarithms = tf.math.log(x) if kit is tf_keras else ops.log(x)
    hidden = kit.layers.Dense(64, "relu")(logarithms)
    model = kit.Model(x, kit.layers.Dense(2, "softmax", name="y")(hidden))
    model.compile("adam", LOSS)
    return model


def of_words():
    """A model of strings that no vocabulary lists."""
    words = keras.Input((1,), dtype="string")
    hidden = layers.Flatten()(layers.Embedding(50, 8)(layers.Hashing(50)(words)))
    model = keras.Model(words, layers.Dense(2, "softmax")(hidden))
    model.compile("adam", LOSS)
    return model


WORDS = tf.constant([["red"], ["green"], ["dark"], ["light"]])


@pytest.mark.parametrize(
    ("model", "data", "budget"),
    [(of_logarithms(), (X, Y), 2600), (of_words(), (WORDS, Y[:4]), 2900)],
    ids=["logarithms", "words"],
)
def test_the_first_two_examples_count_in_the_budget_of_an_archive(model, data, budget, tmp_path):
    allocation = tfqd.allocate_bits(model, data, budget=budget)
    quantized = tfqd.quantize_model(model, allocation)
    tfqd.save(quantized, tmp_path / "m.tfqd", probes=data[0][:2])
    assert (tmp_path / "m.tfqd").stat().st_size <= budget
    assert allocation.size <= budget


@pytest.mark.parametrize("file", ["tflite", "tflite_gzip", "saved_model"])
def test_other_files_hold_the_first_two_examples_too(file):
    allocation = tfqd.allocate_bits(of_logarithms(), (X, Y), budget="60 kB", file=file)
    assert allocation.size <= 60_000


def test_data_that_can_be_read_but_once_are_read_whole():
    batches = [(X[start : start + 8], Y[start : start + 8]) for start in range(0, 40, 8)]
    model, options = of_logarithms(), {"budget": 2600, "steps": 5}
    listed = tfqd.allocate_bits(model, batches, **options)
    assert dict(tfqd.allocate_bits(model, iter(batches), **options)) == dict(listed)


def test_examples_that_do_not_suit_either_are_told_of():
    with pytest.raises(ValueError, match=r"'y'.* NaN .*probes, which are the first .* data$"):
        tfqd.allocate_bits(of_logarithms(), (-X, Y), budget=2600, loss=lambda y, p: p[:, :1] * 0)


@KITS
@pytest.mark.parametrize("budget", [2200, "9 kB"])
def test_training_keeps_to_bytes_with_the_examples(kit, budget, tmp_path):
    model, wanted = of_logarithms(kit), tfqd.spec.budget.parse_bytes(budget)
    spec, callbacks = within_bytes(model, budget, verbose=0, data=(X, Y))
    quantized = tfqd.quantize_model(model, spec)
    quantized.compile("adam", LOSS)
    quantized.fit(X, Y, verbose=0, callbacks=callbacks)
    assert archive_size(quantized, probes=X[:2]) <= wanted


def test_without_examples_bytes_are_those_without_probes():
    model = of_logarithms()
    spec, (budget,) = within_bytes(model, 1900, verbose=0)
    quantized = tfqd.quantize_model(model, spec)
    quantized.compile("adam", LOSS)
    quantized.fit(X, Y, verbose=0, callbacks=[budget])
    assert 1800 < archive_size(quantized, probes=X[:2]) - 100 < 2100


def test_a_budget_counts_the_probes_that_it_is_given():
    quantized = tfqd.quantize_model(of_logarithms(), tfqd.EntropyConstrained(bits=4))
    quantized.compile("adam", LOSS)
    given = archive_size(quantized, probes=X)
    quantized.fit(X, Y, verbose=0, callbacks=[ByteBudget(given, probes=X, verbose=0)])
    assert 0.98 * given < archive_size(quantized, probes=X) <= given


def test_a_page_shows_such_a_model(tmp_path):
    tfqd.html_report(tfqd.quantize_model(of_logarithms(), 4), tmp_path / "page.html")
    assert (tmp_path / "page.html").exists()


@KITS
def test_such_models_are_evaluated_with_their_files(kit):
    model = of_logarithms(kit)
    quantized = tfqd.quantize_model(model, 4)
    models = {"float": model, "quantized": quantized, "compressed": tfqd.compress(quantized)}
    found = tfqd.evaluate(models, (X, Y))
    assert found.notes == {}
    for name in models:
        assert {"archive_bytes", "tflite_bytes"} <= found.values[name].keys()
