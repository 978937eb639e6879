"""Budgets that no file can keep to: refused with the least possible, and nothing is changed."""

import re

import keras
import numpy as np
import pytest

import tfqd
from tfqd.callbacks import ByteBudget
from tfqd.callbacks.bisection import bracket
from tfqd.export.archive_file import archive_size

X = np.random.default_rng(0).standard_normal((128, 24)).astype(np.float32)
Y = np.tanh(X[:, :8])


def network(spec, rate=0.5):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((24,)),
            layers.Dense(160, activation="relu", name="hidden"),
            layers.Dense(8, name="out"),
        ]
    )
    quantized = tfqd.quantize_model(model, spec)
    quantized.compile(keras.optimizers.SGD(rate), "mse")
    return quantized


def fit(model, budget, **options):
    model.fit(X, Y, verbose=0, callbacks=[ByteBudget(budget, verbose=0)], **options)
    return archive_size(model)


def test_what_is_not_entropy_constrained_counts_as_it_is():
    eight, own = tfqd.Uniform(bits=8, bucket_size=None), tfqd.EntropyConstrained()
    model = network({"hidden": eight, "out": own}, rate=0.0)
    before = [np.array(weight) for weight in model.weights]
    budget = archive_size(model) - 700
    with pytest.raises(ValueError, match=r"takes [\d,]+ bytes, more than the budget") as refused:
        fit(model, budget)
    for weight, was in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, was)
    least = int(re.search(r"takes ([\d,]+)", str(refused.value))[1].replace(",", ""))
    assert budget < least < budget + 700
    assert fit(model, least + 40) <= least + 40


def test_frozen_weights_move_to_longer_steps_with_the_others():
    freezing = tfqd.EntropyConstrained(bits=4, average_bits=3, freeze_above=0.02)
    model = network(freezing)
    model.fit(X, Y, verbose=0, epochs=15, batch_size=8)
    entries = model.quantized_variables
    assert any(np.mean(entry.held_codes) > 0.1 for entry in entries)
    budget = archive_size(model) - 800
    assert 0.99 * budget <= fit(model, budget, epochs=1) <= budget
    for entry in entries:
        codes, values = entry.encode(), np.array(entry.value())
        apart = np.abs(codes.dequantize() - np.clip(values, *_ends(codes)))
        assert apart.max() < 1.01 * codes.scale.max() / 8


def _ends(tensor):
    """The lowest and the highest level of 4 bits."""
    return -tensor.scale.max(), tensor.scale.max() * 7 / 8


def test_what_never_falls_is_not_searched_for_ever():
    assert bracket(lambda x: 3.0, 2.0, 0.5) is None
