"""Budgets of more bytes than the levels can use leave the model as good as these can make it."""

import re
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.callbacks import ByteBudget
from tfqd.callbacks.priced_variable import PricedVariable
from tfqd.export.archive_file import archive_size

RNG = np.random.default_rng(0)
X = RNG.standard_normal((256, 24)).astype(np.float32)
Y = (X[:, ::4].sum(axis=1) > 0).astype(np.int32)


def dense(library=keras):
    """A layer of 8 units on 24 inputs behind 96, of weights that are seldom large.

    Its names, a part of the file, do not count the models before.
    """
    library.utils.set_random_seed(0)
    layers = library.layers
    inputs, wide = layers.Input((24,), name="inputs"), layers.Dense(96, name="wide")
    model = library.Sequential([inputs, wide, layers.Dense(8, name="last")], name="network")
    drawn = np.random.default_rng(1)
    for layer in model.layers:
        kernel, bias = layer.get_weights()
        layer.set_weights([drawn.laplace(size=kernel.shape) / 10, bias])
    return model


def quantized(model, spec, library=keras):
    model = tfqd.quantize_model(model, spec)
    model.compile(library.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    return model


def fit(model, budget, *more, **options):
    callbacks = [ByteBudget(budget, verbose=0), *more]
    model.fit(X, Y, verbose=0, callbacks=callbacks, **options)
    return archive_size(model)


@pytest.mark.filterwarnings("ignore:.*more than the levels")
@pytest.mark.parametrize(
    ("library", "layout"),
    [(keras, "flat"), (keras, "channel"), (tf_keras, "flat")],
    ids=["flat", "channel", "tf_keras"],
)
def test_errors_do_not_rise_with_the_budget(library, layout):
    spec = tfqd.EntropyConstrained(bits=4, layout=layout)
    least = archive_size(quantized(dense(library), spec, library))
    found = []
    for budget in range(least - 100, least + 1700, 300):
        model = quantized(dense(library), spec, library)
        size = fit(model, budget, batch_size=256)
        assert size <= budget
        errors = [
            np.square(entry.encode().dequantize() - np.array(entry.value())).sum()
            for entry in tfqd.wrapping.quantized.find_quantized(model)
        ]
        found.append((sum(errors), size))
    errors, sizes = np.transpose(found)
    assert (np.diff(errors) <= 1e-6).all()
    assert (np.diff(sizes) >= -3).all()
    assert sizes[-1] < least + 1000


@pytest.mark.filterwarnings("ignore:.*more than the levels")
def test_a_gru_keeps_its_accuracy():
    """What it goes by comes in small numbers, to which its large weights belong."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    steps, recurrent = layers.Reshape((6, 4)), layers.GRU(24)
    model = keras.Sequential([layers.Input((24,)), steps, recurrent, layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    model.fit(X, Y, epochs=12, verbose=0)
    scale = np.float32([10, 1, 1, 1])
    recurrent.cell.kernel.assign(recurrent.cell.kernel * scale[:, None])
    inputs = X / np.tile(scale, 6)
    before = model.evaluate(inputs, Y, verbose=0)[1]
    assert before > 0.95
    small = quantized(model, tfqd.EntropyConstrained())
    fit(small, 2 * archive_size(small), batch_size=256)
    small.compile("sgd", loss, metrics=["accuracy"])
    assert small.evaluate(inputs, Y, verbose=0)[1] >= before - 0.05


def test_warns_once_and_says_how_many_bits_use_the_budget():
    model = quantized(dense(), tfqd.EntropyConstrained(bits=3))
    budget = archive_size(model) + 800
    told_of = r"use, which take [\d,]+ now; as bits of .* \d do$"
    with pytest.warns(UserWarning, match=told_of) as told:
        size = fit(model, budget, epochs=3)
    (message,) = [str(each.message) for each in told if each.category is UserWarning]
    assert f"which take {size:,} now" in message
    bits = int(re.search(r"(\d) do$", message)[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        enough = fit(quantized(dense(), tfqd.EntropyConstrained(bits=bits)), budget)
    assert 0.99 * budget <= enough <= budget
    with pytest.warns(UserWarning, match="more than the levels"):
        fit(quantized(dense(), tfqd.EntropyConstrained(bits=bits - 1)), budget)


def test_eight_bits_use_what_codes_take_with_the_largest_weight_on_the_last_level():
    spec = tfqd.EntropyConstrained(bits=8)
    least, bits = archive_size(quantized(dense(), spec)), 0.0
    for layer in dense().layers:
        kernel = layer.get_weights()[0]
        step = max(kernel.max() / 127, -kernel.min() / 128)
        shares = np.unique(np.round(kernel / step), return_counts=True)[1] / kernel.size
        bits -= kernel.size * (shares * np.log2(shares)).sum()
    coded = sum(
        PricedVariable(entry).coded_bits() for entry in quantized(dense(), spec).quantized_variables
    )
    most = least + (bits - coded) / 8
    budget = int(0.985 * most)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        size = fit(quantized(dense(), spec), budget)
    assert 0.99 * budget <= size <= budget
    with pytest.warns(UserWarning, match=r"as bits of .* 8, the most, do not either$") as told:
        size = fit(quantized(dense(), spec), int(1.025 * most))
    assert size == pytest.approx(most, rel=0.015)
    assert f"which take {size:,} now" in str(told[0].message)


class AllButOneShrink(keras.callbacks.Callback):
    """Makes weights smaller, but for the largest, once training has begun; notes its place."""

    def on_train_batch_end(self, batch, logs=None):
        if batch:
            return
        for entry in self.model.quantized_variables:
            weights = np.array(entry.value())
            small = np.where(np.abs(weights) < np.abs(weights).max(), weights / 4, weights)
            entry.variable.assign(tf.constant(small))

    def on_epoch_end(self, epoch, logs=None):
        self.places = [
            np.abs(entry.value()).max() / (entry.encode().scale.max() * 7 / 8)
            for entry in self.model.quantized_variables
        ]


def test_training_does_not_make_steps_shorter_than_that():
    model = quantized(dense(), tfqd.EntropyConstrained(average_bits=2, bits=4))
    shrinking = AllButOneShrink()
    budget = ByteBudget(archive_size(model), verbose=0)
    model.fit(X, Y, batch_size=1, verbose=0, callbacks=[shrinking, budget])
    assert max(shrinking.places) <= 1.15  # A negative weight has one level more.


@pytest.mark.filterwarnings("ignore:.*more than the levels")
def test_the_price_does_not_fall_for_ever():
    model = quantized(dense(), tfqd.EntropyConstrained(bits=4))
    history = model.fit(
        X, Y, epochs=2, batch_size=1, verbose=0, callbacks=[ByteBudget("1 MB", verbose=0)]
    ).history
    assert min(history["bit_price"]) > 0


def test_one_number_of_bytes_chooses_bits_that_use_it():
    whole = archive_size(tfqd.compress(tfqd.quantize_model(dense(), tfqd.LearnedStep(bits=4))))
    spec, callbacks = tfqd.callbacks.within_bytes(dense(), whole - 20, verbose=0)
    model = quantized(dense(), spec)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.fit(X, Y, verbose=0, callbacks=callbacks)
    assert 0.99 * (whole - 20) <= archive_size(model) <= whole - 20
    for entry in model.quantized_variables:
        assert entry.quantizer.is_inside(entry.value(), entry.state).numpy().all()
