"""Stochastic rounding: fresh noise in every training step, none in inference."""

import keras
import numpy as np
import pytest
from keras import layers

import tfqd

STOCHASTIC = tfqd.Uniform(bits=2, rounding="stochastic")
X = np.eye(6, dtype="float32")


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


def dense_model():
    return keras.Sequential([keras.Input((6,)), layers.Dense(5)])


@keras.saving.register_keras_serializable(package="tfqd_tests")
class WithoutTraining(keras.Model):
    """A model whose call has no `training` argument."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(5)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, x):
        return self.dense(x)


def quantized_models():
    subclassed = WithoutTraining()
    subclassed.build((None, 6))
    wrapper = tfqd.layers.QuantizeWrapper(layers.Dense(5), STOCHASTIC)
    return {
        "sequential": tfqd.quantize_model(dense_model(), STOCHASTIC),
        "subclassed": tfqd.quantize_model(subclassed, STOCHASTIC),
        "wrapper": keras.Sequential([keras.Input((6,)), wrapper]),
    }


@pytest.mark.parametrize("kind", ["sequential", "subclassed", "wrapper"])
def test_every_training_call_has_fresh_noise_and_inference_none(kind):
    model = quantized_models()[kind]
    rounded_to_nearest = np.array(tfqd.strip_quantization(model)(X))
    first, second = (np.array(model(X, training=True)) for _ in range(2))
    assert not np.array_equal(first, second)
    for output in (model(X), model(X, training=False), model.predict(X, verbose=0)):
        np.testing.assert_allclose(output, rounded_to_nearest, atol=1e-6)


@pytest.mark.parametrize("kind", ["sequential", "subclassed", "wrapper"])
def test_every_step_of_fit_has_fresh_noise(kind):
    model = quantized_models()[kind]
    model.compile(keras.optimizers.SGD(0.0), "mse")
    targets = np.zeros((6, 5), "float32")
    losses = [float(model.train_on_batch(X, targets)) for _ in range(4)]
    assert len(set(losses)) == 4
    assert len({float(model.evaluate(X, targets, verbose=0)) for _ in range(2)}) == 1


def test_seed_is_set_by_keras_and_goes_on_after_a_reload(tmp_path):
    outputs = []
    for _ in range(2):
        keras.utils.set_random_seed(11)
        quantized = tfqd.quantize_model(dense_model(), STOCHASTIC)
        outputs.append(np.array(quantized(X, training=True)))
    np.testing.assert_array_equal(outputs[0], outputs[1])

    quantized.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = np.array(quantized(X, training=True))
    np.testing.assert_array_equal(reloaded(X, training=True), expected)
