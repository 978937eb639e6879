"""Budgets of models whose kernels start at zero."""

import keras
import numpy as np
import pytest

import tfqd
from tfqd.callbacks import ByteBudget
from tfqd.export.archive_file import archive_size

X = np.random.default_rng(0).standard_normal((256, 24)).astype(np.float32)
Y = np.tanh(X[:, :8])


def zeros(*more):
    """A quantized Dense layer of 8 units whose kernel is zero, behind `more` layers."""
    keras.utils.set_random_seed(0)
    layers = [*more, keras.layers.Dense(8, kernel_initializer="zeros")]
    model = keras.Sequential([keras.Input((24,)), *layers])
    quantized = tfqd.quantize_model(model, tfqd.EntropyConstrained(average_bits=3, bits=5))
    quantized.compile(keras.optimizers.Adam(0.01), "mse")
    return quantized


@pytest.mark.filterwarnings("ignore:.*more than the levels")
def test_codes_that_are_all_equal_at_first_come_to_the_budget():
    model = zeros()
    step = model.quantized_variables[0].encode().scale
    budget = archive_size(model) + 60
    history = model.fit(
        X, Y, epochs=8, verbose=0, callbacks=[ByteBudget(budget, verbose=0)]
    ).history
    assert archive_size(model) <= budget
    assert history["size_bytes"][-1] >= 0.99 * budget
    assert 0.1 < model.quantized_variables[0].encode().scale / step < 10
