"""Weight decay under QuantizeWeights takes from the float weights."""

import keras
import numpy as np
import pytest
import tf_keras
from small_model import X, Y, arrays, fit, small_model

import tfqd
from tfqd.callbacks import QuantizeWeights

SPEC = tfqd.Uniform(bits=2, bucket_size=16)

SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.02, 3, 0.5)
OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.1, weight_decay=0.01),
    "SGD on a schedule": lambda: keras.optimizers.SGD(SCHEDULE, weight_decay=0.05),
    "AdamW": lambda: keras.optimizers.AdamW(1e-3, weight_decay=0.05),
    "Lion": lambda: keras.optimizers.Lion(1e-3, weight_decay=0.05),
}


def without_bias(optimizer):
    optimizer.exclude_from_weight_decay(var_names=["bias", "first"])
    return optimizer


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("exclude", [False, True])
def test_the_run_is_that_of_the_quantized_model(make, exclude):
    def trained(model, *callbacks):
        optimizer = without_bias(make()) if exclude else make()
        model.compile(optimizer, "mse")
        fit(model, *callbacks, epochs=2)
        return model

    keras.utils.set_random_seed(5)
    model = small_model(dropout=0.0)
    quantized = trained(tfqd.quantize_model(model, SPEC))
    callback = QuantizeWeights(SPEC)
    trained(model, callback)
    for ours, theirs in zip(arrays(callback.quantized_model()), arrays(quantized), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-6)


def test_in_tf_keras_too():
    def dense():
        tf_keras.utils.set_random_seed(1)
        return tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(8)])

    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    y = x.repeat(2, axis=1)

    def train(model, *callbacks):
        model.compile(tf_keras.optimizers.AdamW(1e-2, weight_decay=0.05), "mse")
        model.fit(x, y, batch_size=16, shuffle=False, verbose=0, callbacks=[*callbacks])

    plain, quantized, callback = dense(), tfqd.quantize_model(dense(), SPEC), QuantizeWeights(SPEC)
    train(plain, callback)
    train(quantized)
    ours = callback.quantized_model().get_weights()
    for one, other in zip(ours, quantized.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "reason"),
    [
        (lambda: keras.optimizers.Lamb(1e-3), "Lamb scales its steps"),
        (lambda: keras.optimizers.Adafactor(1e-3), "Adafactor scales its steps"),
        (
            lambda: keras.optimizers.AdamW(1e-3, gradient_accumulation_steps=2),
            "gradient_accumulation_steps",
        ),
        (
            lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.AdamW(1e-3)),
            "LossScaleOptimizer leaves steps out",
        ),
    ],
)
def test_what_cannot_be_exact_is_refused(optimizer, reason):
    model = small_model()
    model.compile(optimizer(), "mse")
    with pytest.raises(ValueError, match=reason):
        model.fit(X, Y, callbacks=[QuantizeWeights(SPEC)], verbose=0)
