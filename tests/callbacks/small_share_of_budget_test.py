"""Budgets of files of which the weights that are brought to them are a small part."""

import keras
import numpy as np

import tfqd
from tfqd.callbacks import ByteBudget
from tfqd.callbacks.priced_variable import PricedVariable
from tfqd.export.archive_file import archive_size

RNG = np.random.default_rng(0)
X = RNG.standard_normal((256, 300)).astype(np.float32)
Y = RNG.integers(0, 10, 256)


def test_a_head_is_brought_to_what_a_large_float_layer_leaves_it():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(300, "relu", name="body"), keras.layers.Dense(10, name="head")]
    model = keras.Sequential([keras.Input((300,)), *layers])
    spec = tfqd.EntropyConstrained(average_bits=2)
    student = tfqd.quantize_model(model, {"head/kernel$": spec})
    (head,) = student.quantized_variables
    budget = archive_size(student) - 100  # bytes, of the head's 700 or so
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    student.compile(keras.optimizers.Adam(1e-3), loss)
    history = student.fit(
        X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[ByteBudget(budget, verbose=0)]
    ).history
    assert np.isfinite(history["loss"]).all()
    assert max(history["bit_price"]) < 0.01
    left = budget - archive_size(student)
    assert 0 <= left <= 0.02 * PricedVariable(head).coded_bits() / 8
