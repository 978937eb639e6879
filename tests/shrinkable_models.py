"""Models some of whose channels are constant, and what tells that they were shrunk well."""

import keras
import numpy as np

import tfqd
from tfqd.callbacks import Prune

layers = keras.layers
RNG = np.random.default_rng(0)


def randomized(model, seed=0):
    """The model with biases and statistics that matter."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        noise = rng.normal(size=variable.shape) * 0.3
        variable.assign(variable + (np.abs(noise) if "variance" in variable.path else noise))
    return model


def emptied(layer, channels, bias=None):
    """Puts the kernels of some output channels to zero, and their biases where told."""
    kernel = np.array(layer.kernel)
    kernel[..., channels] = 0
    layer.kernel.assign(kernel)
    if bias is not None:
        values = np.array(layer.bias)
        values[channels] = bias
        layer.bias.assign(values)


def after(found):
    return {each.name: each.after for each in found.layers}


def assert_alike(model, smaller, shape, rtol=1e-4):
    x = RNG.normal(size=(5, *shape)).astype("float32")
    expected = np.asarray(model(x))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(smaller(x), expected, rtol=rtol, atol=rtol * scale)


def chain(padding):
    """Convolution, normalization and ReLU, twice, a depthwise one between, and Dense."""
    return randomized(
        keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.Conv2D(6, 3, padding="same", name="first"),
                layers.BatchNormalization(name="norm"),
                layers.ReLU(),
                layers.DepthwiseConv2D(3, padding=padding, name="depthwise"),
                layers.Activation("relu"),
                layers.MaxPooling2D(2),
                layers.Conv2D(5, 3, padding=padding, use_bias=False, name="second"),
                layers.Dropout(0.5),
                layers.Flatten(),
                layers.Dense(4, activation="tanh", name="hidden"),
                layers.Dense(3, name="out"),
            ]
        )
    )


def pruned(spec):
    """A small quantized network half of whose channels have gone."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.ReLU()(layers.Conv2D(32, 3, padding="same", name="first")(inputs))
    x = layers.MaxPooling2D(2)(layers.ReLU()(layers.Conv2D(64, 3, name="second")(x)))
    x = layers.Dense(32, "relu", name="hidden")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(4, name="out")(x))
    student = tfqd.quantize_model(model, spec, first_last="same")
    x = RNG.normal(size=(64, 8, 8, 3)).astype("float32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    student.compile(keras.optimizers.Adam(0.01), loss, jit_compile=False)
    prune = Prune(0.5, structure="channels", every=1)
    student.fit(x, np.arange(64) % 4, epochs=2, verbose=0, callbacks=[prune])
    return student
