"""Quantized models inside stateless calls, other models and other people's training loops."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import tfqd

CODEBOOK = tfqd.Codebook(bits=2, bucket_size=None)


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


@pytest.fixture
def data():
    x = np.random.default_rng(1).normal(size=(32, 8)).astype("float32")
    return x, x[:, :1] - x[:, 1:2]


def model_with_state():
    return keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(6, activity_regularizer="l2", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ]
    )


def functional_model():
    x = keras.Input((8,))
    return keras.Model(x, layers.Dense(3)(layers.Dense(4)(x)), name="functional")


@pytest.mark.parametrize("training", [True, False])
def test_stateless_call_gives_what_the_call_gives_and_changes_nothing(data, training):
    quantized = tfqd.quantize_model(model_with_state(), CODEBOOK)
    before = [variable.numpy() for variable in quantized.variables]
    trainable = [variable.value for variable in quantized.trainable_variables]
    others = [variable.value for variable in quantized.non_trainable_variables]
    outputs, others, losses = quantized.stateless_call(
        trainable, others, data[0], training=training, return_losses=True
    )
    for variable, value in zip(quantized.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)

    np.testing.assert_array_equal(quantized(data[0], training=training), outputs)
    for variable, value in zip(quantized.non_trainable_variables, others, strict=True):
        np.testing.assert_array_equal(variable, value)
    np.testing.assert_allclose(sum(quantized.losses), sum(losses), rtol=1e-6)


def test_stateless_call_uses_the_weights_and_points_it_is_given(data):
    quantized = tfqd.quantize_model(model_with_state(), CODEBOOK)
    doubled = [2.0 * variable.value for variable in quantized.trainable_variables]
    others = [variable.value for variable in quantized.non_trainable_variables]
    outputs, _ = quantized.stateless_call(doubled, others, data[0])
    for variable, value in zip(quantized.trainable_variables, doubled, strict=True):
        variable.assign(value)
    np.testing.assert_array_equal(outputs, quantized(data[0]))


def test_quantized_model_is_a_layer_of_another_model(data, tmp_path):
    quantized = tfqd.quantize_model(model_with_state(), CODEBOOK)
    x = keras.Input((8,))
    outer = keras.Model(x, layers.Dense(1)(layers.Concatenate()([x, quantized(x)])))
    assert outer.output_shape == (None, 1)
    (points, *_) = (entry.state["points"] for entry in quantized.quantized_variables)
    before = points.numpy(), quantized.model.layers[1].moving_mean.numpy()
    outer.compile(keras.optimizers.Adam(0.02), "mse")
    losses = outer.fit(*data, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert not np.array_equal(points, before[0])
    assert not np.array_equal(quantized.model.layers[1].moving_mean, before[1])

    outer.save(tmp_path / "outer.keras")
    reloaded = keras.saving.load_model(tmp_path / "outer.keras")
    np.testing.assert_array_equal(reloaded(data[0]), outer(data[0]))


@pytest.mark.parametrize("build", [model_with_state, functional_model])
def test_model_around_a_quantized_model_is_stripped_and_compressed(data, build):
    quantized = tfqd.quantize_model(build(), CODEBOOK)
    x = keras.Input((8,))
    outer = keras.Model(x, layers.Dense(1)(quantized(x)))
    stripped, compressed = tfqd.strip_quantization(outer), tfqd.compress(outer)
    np.testing.assert_allclose(stripped(data[0]), outer(data[0]), rtol=1e-5, atol=1e-6)
    assert not any("tfqd" in type(layer).__module__ for layer in stripped._flatten_layers())
    assert len(compressed.quantized) == 2
    for array, weight in zip(compressed.dequantize().values(), stripped.weights, strict=True):
        np.testing.assert_array_equal(array, weight)


def test_training_flag_of_the_outer_call_reaches_quantizers_and_layers(data):
    spec = tfqd.Uniform(bits=2, rounding="stochastic")
    quantized = tfqd.quantize_model(model_with_state(), spec)
    outer = keras.Sequential([keras.Input((8,)), quantized])
    first, second = (np.array(outer(data[0], training=True)) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(outer(data[0]), quantized(data[0]))


def test_custom_training_loop_moves_weights_and_points(data):
    quantized = tfqd.quantize_model(model_with_state(), CODEBOOK)
    optimizer = keras.optimizers.SGD(0.05)
    optimizer.build(quantized.trainable_variables)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            error = tf.reduce_mean(tf.square(quantized(x, training=True) - y))
            loss = error + sum(quantized.losses)
        gradients = tape.gradient(loss, quantized.trainable_variables)
        optimizer.apply_gradients(zip(gradients, quantized.trainable_variables, strict=True))
        return loss

    before = [variable.numpy() for variable in quantized.trainable_variables]
    losses = [float(step(*data)) for _ in range(20)]
    assert losses[-1] < losses[0]
    for variable, value in zip(quantized.trainable_variables, before, strict=True):
        if "bias" not in variable.path:
            assert not np.array_equal(variable, value), variable.path


@keras.saving.register_keras_serializable(package="tfqd_tests")
class Scaled(layers.Layer):
    """Reads an argument that Keras hands down from layer to layer."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._register_call_context_args("doubled")
        self.dense = layers.Dense(3)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, x, doubled=False):
        return (2.0 if doubled else 1.0) * self.dense(x)


def test_arguments_that_keras_hands_down_pass_through(data):
    quantized = tfqd.layers.QuantizeWrapper(Scaled(), tfqd.Uniform(bits=4))
    once = np.array(quantized(data[0]))
    np.testing.assert_array_equal(quantized(data[0], doubled=True), 2.0 * once)
