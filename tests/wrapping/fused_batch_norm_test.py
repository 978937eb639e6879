"""In training, BatchNormalization of quantized models is what Keras computes, by one kernel."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfqd
from tfqd.wrapping.keras3.batch_norm import fused_batch_norm

IMAGES = (2.0 + 3.0 * np.random.default_rng(0).normal(size=(8, 6, 5, 3))).astype(np.float32)


def fused_kernels(function, *inputs) -> int:
    """How many fused kernels the trace of a function has."""
    graph = tf.function(function).get_concrete_function(*map(tf.constant, inputs)).graph
    return [operation.type for operation in graph.get_operations()].count("FusedBatchNormV3")


def normalization(kind=keras.layers.BatchNormalization, shape=IMAGES.shape, **options):
    layer = kind(**options)
    layer.build(shape)
    rng = np.random.default_rng(1)
    for variable in layer.weights:
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return layer


def one_step(layer, inputs, **options):
    """Outputs, gradients to the inputs and the layer's variables, and statistics afterwards."""
    inputs = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True, **options)
        loss = tf.reduce_sum(outputs * tf.sin(outputs))
    variables = [v.value for v in layer.trainable_variables]
    gradients = tape.gradient(loss, [inputs, *variables])
    return [np.asarray(each) for each in (outputs, *gradients, *layer.weights)]


@pytest.mark.parametrize("inputs", [IMAGES, IMAGES[:1, :1, :1]], ids=["images", "one pixel"])
@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False, "momentum": 0.9}])
def test_a_step_is_that_of_keras(options, inputs):
    layer, twin = normalization(**options), normalization(**options)
    expected = one_step(twin, inputs)
    with fused_batch_norm(layer):
        assert fused_kernels(lambda x: layer(x, training=True), inputs) == 1
        layer.set_weights(normalization(**options).get_weights())
        found = one_step(layer, inputs)
    for mine, keras_own in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, keras_own, rtol=2e-4, atol=2e-4)


class OwnNormalization(keras.layers.BatchNormalization):
    """A user's."""


def frozen():
    layer = normalization()
    layer.trainable = False
    return layer


MASK = np.arange(8 * 6 * 5).reshape(8, 6, 5) % 3 > 0
VECTORS = IMAGES[:, 0, 0]
OTHERS = {
    "a class of its own": (lambda: normalization(OwnNormalization), IMAGES, {}),
    "vectors": (lambda: normalization(shape=VECTORS.shape), VECTORS, {}),
    "channels first": (lambda: normalization(axis=1), IMAGES, {}),
    "half precision": (lambda: normalization(dtype="mixed_float16"), IMAGES, {}),
    "small epsilon": (lambda: normalization(epsilon=1e-6), IMAGES, {}),
    "a mask": (normalization, IMAGES, {"mask": MASK}),
    "frozen": (frozen, IMAGES, {}),
}
if "renorm" in inspect.signature(keras.layers.BatchNormalization).parameters:
    OTHERS["renorm"] = (lambda: normalization(renorm=True), IMAGES, {})


@pytest.mark.parametrize("name", OTHERS)
def test_what_the_kernel_does_not_know_keras_computes(name):
    build, inputs, options = OTHERS[name]
    expected = one_step(build(), inputs, **options)
    layer = build()
    with fused_batch_norm(layer):
        assert fused_kernels(lambda x: layer(x, training=True, **options), inputs) == 0
        layer.set_weights(build().get_weights())
        found = one_step(layer, inputs, **options)
    for mine, keras_own in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, keras_own)


def network():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6, 5, 3)),
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )


def test_quantized_models_train_by_it_and_infer_by_keras():
    model = tfqd.quantize_model(network(), 4)
    assert fused_kernels(lambda x: model(x, training=True), IMAGES) == 1
    assert fused_kernels(lambda x: model(x, training=False), IMAGES) == 0


def test_statistics_of_a_fitted_model_are_those_that_keras_gathers(monkeypatch):
    answers = []
    for least in (0.0, 1.0):  # of no epsilon any more
        monkeypatch.setattr("tfqd.wrapping.keras3.batch_norm._LEAST_EPSILON", least)
        model = tfqd.quantize_model(network(), 4)
        model.compile("sgd", "mse", jit_compile=False)
        model.fit(IMAGES, np.ones((8, 2)), batch_size=4, epochs=3, shuffle=False, verbose=0)
        answers.append(model.model.get_layer("norm").get_weights())
    for fused, by_keras in zip(*answers, strict=True):
        np.testing.assert_allclose(fused, by_keras, rtol=1e-4, atol=1e-5)
