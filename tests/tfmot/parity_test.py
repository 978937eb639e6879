"""The same weights, spec and data give the same numbers on Keras 3 and on tf_keras.

With one exception, of tf_keras itself: its fused BatchNormalization, of images,
puts the unbiased variance of the batch into the moving variance.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.wrapping.tf_keras.stripping import plain_copy

layers = keras.layers

IMAGE_VALUES = 8 * 4 * 4  # that the first normalization of `images` averages over.
SPECS = {
    "codebook": tfqd.Codebook(bits=3, bucket_size=32),
    "paper": tfqd.presets.paper(4),
    "deployable": tfqd.presets.deployable(3),
    "learned step": tfqd.LearnedStep(bits=4),
}


def images():
    return keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.Conv2D(5, 3, kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.DepthwiseConv2D(2, depth_multiplier=2),
            layers.Flatten(),
            layers.BatchNormalization(),
            layers.Dense(2),
        ]
    )


def words():
    return keras.Sequential(
        [
            keras.Input((3,), dtype="int32"),
            layers.Embedding(10, 4, mask_zero=True),
            layers.LSTM(3, return_sequences=True),
            layers.GRU(3),
            layers.Dense(2),
        ]
    )


@pytest.fixture(
    scope="module",
    # A recurrent model is slow to trace: two specs will do.
    params=[*((images, spec) for spec in SPECS), (words, "codebook"), (words, "deployable")],
    ids=lambda p: f"{p[0].__name__}, {p[1]}",
)
def pair(request):
    """The quantized model of Keras 3, that of tf_keras, inputs and targets."""
    build, spec = request.param
    keras.utils.set_random_seed(3)
    model = build()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, *model.input_shape[1:])).astype("float32")
    if build is words:
        x = rng.integers(0, 10, (8, 3))
    y = rng.normal(size=(8, 2)).astype("float32")
    quantized = [tfqd.quantize_model(m, SPECS[spec]) for m in (model, tfqd.to_tf_keras(model))]
    return *quantized, x, y


def assert_same(theirs, ours):
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


def gradients(model, x, y):
    """Of the quantized variables and of their quantizers' own, in the model's order."""
    sources = [
        each
        for entry in model.quantized_variables
        for each in (entry.variable, *entry.state.values())
    ]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
    return [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, sources)]


def float_weights(model):
    plain = model.model if isinstance(model, keras.Model) else plain_copy(model).model
    return plain.get_weights()


def test_quantized_weights(pair):
    ours, theirs = (list(tfqd.compress(model).dequantize().values()) for model in pair[:2])
    assert_same(theirs, ours)


def test_outputs(pair):
    ours, theirs, x, _ = pair
    assert_same([theirs(x)], [ours(x)])


def test_gradients(pair):
    ours, theirs, x, y = pair
    assert_same(gradients(theirs, x, y), gradients(ours, x, y))


def test_one_step_of_sgd(pair):
    ours, theirs, x, y = pair
    before = float_weights(ours), float_weights(theirs)
    ours.compile(keras.optimizers.SGD(0.1), "mse")
    theirs.compile(tf_keras.optimizers.SGD(0.1), "mse")
    losses = [np.array(model.train_on_batch(x, y)).item() for model in (ours, theirs)]
    assert_same(losses[1:], losses[:1])
    after = float_weights(ours), float_weights(theirs)
    if x.ndim == 4:
        variances = [(new.pop(5), old.pop(5)) for new, old in zip(after, before, strict=True)]
        of_batch = [new - 0.99 * old for new, old in variances]
        assert_same(of_batch[1:], [of_batch[0] * IMAGE_VALUES / (IMAGE_VALUES - 1)])
    assert_same(after[1], after[0])
    for a, b in zip(theirs.quantized_variables, ours.quantized_variables, strict=True):
        assert_same([a.state[role] for role in b.state], b.state.values())
