"""How far one update of Adam moves steps and points, beside what they are."""

import keras
import numpy as np
import pytest
from short_codes import X, network

import tfqd

RATE = 1e-3


def tensors(model):
    return tfqd.compress(model).quantized.values()


def moved(spec, optimizer, updates=1):
    """Of each kernel what is stored before and after some updates, and the two."""
    model = tfqd.quantize_model(network(), spec)
    before = tensors(model)
    model.compile(optimizer, "mse")
    model.fit(X, X[:, :4] ** 2, batch_size=len(X), epochs=updates, verbose=0)
    return zip(before, tensors(model), strict=True)


@pytest.mark.parametrize("multiplier", [1.0, 0.2])
def test_adam_moves_points_and_steps_alike_whatever_they_are(multiplier):
    options = {"bits": 2, "bucket_size": None, "learning_rate_multiplier": multiplier}
    codebook = tfqd.Codebook(**options, init="kmeans")
    for before, after in moved(codebook, keras.optimizers.Adam(RATE)):
        apart = np.abs(after.points - before.points)
        np.testing.assert_allclose(apart, RATE * multiplier, rtol=2e-3)
    for before, after in moved(tfqd.LearnedStep(**options), keras.optimizers.Adam(RATE)):
        apart = np.abs(after.scale - before.scale) / 2  # a scale is two steps of 2 bits
        np.testing.assert_allclose(apart, RATE * multiplier, rtol=2e-3)


def test_a_multiplier_of_its_size_moves_a_step_by_the_rate_of_itself():
    start, _ = next(moved(tfqd.LearnedStep(bits=2), keras.optimizers.Adam(RATE)))
    spec = tfqd.LearnedStep(bits=2, learning_rate_multiplier=float(start.scale[0]) / 2)
    before, after = next(moved(spec, keras.optimizers.Adam(RATE)))
    np.testing.assert_allclose(np.abs(after.scale / before.scale - 1), RATE, rtol=2e-3)


@pytest.mark.parametrize("kind", [tfqd.EntropyConstrained, tfqd.EntropyCodebook])
def test_what_is_in_units_of_its_size_needs_no_multiplier(kind):
    for before, after in moved(kind(), keras.optimizers.Adam(RATE)):
        share = np.abs(after.scale / before.scale - 1)
        assert 0.7 * RATE < share < 1.42 * RATE


@pytest.mark.parametrize(
    ("optimizer", "is_same"), [(keras.optimizers.Adam, True), (keras.optimizers.SGD, False)]
)
def test_adam_divides_the_scale_of_a_gradient_out(optimizer, is_same):
    plain, scaled = (
        [after.points for _, after in moved(tfqd.Codebook(**options), optimizer(RATE), 5)]
        for options in (
            {"bits": 2, "init": "kmeans"},
            {"bits": 2, "init": "kmeans", "gradient_scale": "lsq"},
        )
    )
    for points, others in zip(plain, scaled, strict=True):
        assert np.allclose(points, others, rtol=0, atol=0.02 * RATE) == is_same
