"""The bytes of the archive as a target of training, held by the file on disk."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.callbacks import BitSchedule, ByteBudget
from tfqd.callbacks.bisection import bisect, bracket
from tfqd.callbacks.priced_variable import PricedVariable

X = np.random.default_rng(0).standard_normal((256, 24)).astype(np.float32)
Y = np.tanh(X[:, :8])


def dense(library=keras):
    library.utils.set_random_seed(0)
    layers = library.layers
    return library.Sequential(
        [layers.Input((24,)), layers.Dense(160, activation="relu", name="hidden"), layers.Dense(8)]
    )


def gru():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [layers.Input((24,)), layers.Reshape((6, 4)), layers.GRU(48), layers.Dense(8)]
    )


def convolutions():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((24,))
    x = layers.Reshape((4, 6, 1))(inputs)
    for _ in range(2):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(24, 3, padding="same")(x)))
    return keras.Model(inputs, layers.Dense(8)(layers.GlobalAveragePooling2D()(x)))


def budget_of(model, bits):
    """Bytes of a file with so many bits a weight."""
    small = tfqd.quantize_model(model, tfqd.EntropyConstrained(average_bits=0.01))
    overhead = tfqd.export.archive_file.archive_size(small)
    weights = sum(tensor.size for tensor in tfqd.compress(small).quantized.values())
    return int(overhead + weights * bits / 8)


def fit(model, budget, epochs=2, library=keras, spec=None, callbacks=()):
    spec = spec or tfqd.EntropyConstrained(average_bits=2, bits=5)
    quantized = tfqd.quantize_model(model, spec)
    quantized.compile(library.optimizers.Adam(0.01), "mse")
    callback = ByteBudget(budget, verbose=0)
    history = quantized.fit(
        X, Y, epochs=epochs, batch_size=32, verbose=0, callbacks=[callback, *callbacks]
    )
    return quantized, history.history


def check(model, budget, folder):
    tfqd.save(model, folder / "m.tfqd")
    size = (folder / "m.tfqd").stat().st_size
    assert 0.99 * budget <= size <= budget
    return size


@pytest.mark.parametrize(
    ("build", "bits"), [(dense, 1.3), (dense, 3.5), (gru, 2.0), (convolutions, 2.5)]
)
def test_files_take_the_budget_and_never_more(build, bits, tmp_path):
    budget = budget_of(build(), bits)
    quantized, history = fit(build(), budget)
    assert history["size_bytes"][-1] == check(quantized, budget, tmp_path)


def test_tf_keras_models_too(tmp_path):
    budget = budget_of(dense(tf_keras), 2.0)
    quantized, _ = fit(dense(tf_keras), budget, library=tf_keras)
    check(quantized, budget, tmp_path)


def test_in_a_distiller(tmp_path):
    budget = budget_of(dense(), 1.5)
    student = tfqd.quantize_model(dense(), tfqd.EntropyConstrained())
    loss = tfqd.distillation.FeatureDistillation("hidden", "hidden")
    distiller = tfqd.Distiller(dense(), student, loss)
    distiller.compile("adam", "mse")
    distiller.fit(X, Y, epochs=1, verbose=0, callbacks=[ByteBudget(budget, verbose=0)])
    check(distiller.student, budget, tmp_path)


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_averages_of_weights_are_kept_to_the_budget(library, tmp_path):
    budget = budget_of(dense(library), 2.0)
    quantized = tfqd.quantize_model(dense(library), tfqd.EntropyConstrained(bits=5))
    averaging = library.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9)
    quantized.compile(averaging, "mse")
    quantized.fit(X, Y, epochs=2, verbose=0, callbacks=[ByteBudget(budget, verbose=0)])
    check(quantized, budget, tmp_path)


@pytest.mark.parametrize("budget_first", [True, False])
def test_a_model_is_brought_to_the_budget_when_its_own_bits_come(budget_first, tmp_path):
    budget = budget_of(dense(), 2.0)
    quantized = tfqd.quantize_model(dense(), tfqd.EntropyConstrained(bits=5))
    quantized.compile(keras.optimizers.Adam(0.01), "mse")
    callbacks = [ByteBudget(budget, verbose=0), BitSchedule({0: 8, 1: 5})]
    callbacks = callbacks if budget_first else callbacks[::-1]
    history = quantized.fit(X, Y, epochs=2, verbose=0, callbacks=callbacks).history
    assert history["size_bytes"] == [check(quantized, budget, tmp_path)]


def test_says_each_epoch_where_it_is(capsys):
    budget = budget_of(dense(), 2.0)
    quantized = tfqd.quantize_model(dense(), tfqd.EntropyConstrained())
    quantized.compile("adam", "mse")
    quantized.fit(X, Y, epochs=2, verbose=0, callbacks=[ByteBudget(budget)])
    lines = [line for line in capsys.readouterr().out.splitlines() if "ByteBudget" in line]
    assert len(lines) == 2
    told = rf"of {budget:,} bytes, [\d,]+ estimated before steps were stretched, a bit counts "
    assert re.search(told, lines[1])


def test_impossible_budgets_are_refused_with_the_least_that_is_possible():
    with pytest.raises(ValueError, match=r"takes [\d,]+ bytes, more than the budget of 100"):
        fit(dense(), 100)


class Swelling(keras.callbacks.Callback):
    """Makes weights larger, and so their codes longer, and notes these at the end of the epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.entries = tfqd.wrapping.quantized.find_quantized(self.model)
        self.before = self.bits()
        for entry in self.entries:
            entry.variable.assign(tf.convert_to_tensor(entry.variable) * 1.5)

    def on_epoch_end(self, epoch, logs=None):
        self.after = self.bits()

    def bits(self):
        return sum(PricedVariable(entry).coded_bits() for entry in self.entries)


def test_bits_are_kept_where_no_gradient_moves_them_any_more():
    quantized = tfqd.quantize_model(dense(), tfqd.EntropyConstrained(average_bits=2, bits=5))
    quantized.compile(keras.optimizers.SGD(0.0), "mse")
    swelling, budget = Swelling(), ByteBudget(budget_of(dense(), 2.0), verbose=0)
    quantized.fit(X, Y, batch_size=1, verbose=0, callbacks=[swelling, budget])
    assert swelling.after == pytest.approx(swelling.before, rel=0.05)


def test_what_never_rises_is_not_searched_for_ever():
    assert bracket(lambda x: 1.0, 2.0, 0.5) is None


def test_budgets_that_cannot_be_used_warn():
    with pytest.warns(UserWarning, match="1,000,000 bytes are more than the levels"):
        fit(dense(), "1MB", epochs=1)


def test_models_without_code_lengths_are_refused():
    with pytest.raises(ValueError, match=r"give tfqd.quantize_model a tfqd.EntropyConstrained"):
        fit(dense(), "10 kB", spec=tfqd.LearnedStep(bits=2))


@pytest.mark.parametrize("budget", [0, "12", None, 1.5])
def test_bad_budgets_are_refused(budget):
    with pytest.raises(ValueError, match="a size must be a positive number of bytes"):
        ByteBudget(budget)


def test_bracket_and_bisect_by_hand():
    assert bracket(lambda x: 10 - x, 9.7, 0.25) == (0.25, 0.5)
    assert bracket(lambda x: 10 - x, 10.6, 0.25) == (-0.75, -0.5)
    assert bracket(lambda x: 10 - x, 10.6, 0.25, lowest=-0.65) == (-0.65, -0.5)
    assert bracket(lambda x: 10 - x, 10.6, 0.25, lowest=-0.55) is None
    place = bisect(lambda x: 10 - x, 9.7, 0.0, 1.0, enough=9.69, halvings=30)
    assert 0.3 <= place <= 0.31
