"""Networks of the shapes of MLPerf Tiny, for microcontrollers, in either Keras."""

import numpy as np
import tf_keras

import tfqd


def quantized(network: str) -> tuple[tf_keras.Model, np.ndarray]:
    """A network of random weights in 4 bits, and activations in 8.

    Args:
        network: the name of a function of this file.

    Returns:
        The model, which has seen the ranges of some random inputs, and these, float32 [32, ...].
    """
    tf_keras.utils.set_random_seed(0)
    model = globals()[network]()
    x = np.random.default_rng(0).normal(size=(32, *model.input_shape[1:])).astype(np.float32)
    tfqd.callbacks.reestimate_batch_norm(model, x)
    model = tfqd.quantize_model(model, tfqd.presets.deployable(4), activations="tfmot")
    for _ in range(3):
        model(x, training=True)
    return model, x


def resnet8(kind=tf_keras):
    """Of image classification: [32, 32, 3] to 10 classes, 78 thousand weights."""
    layers = kind.layers
    image = kind.Input((32, 32, 3), name="x")
    x = _normalized(kind, layers.Conv2D(16, 3, padding="same"), image)
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = _normalized(kind, layers.Conv2D(filters, 3, strides, padding="same"), x)
        y = _normalized(kind, layers.Conv2D(filters, 3, padding="same"), y, activation=False)
        if strides > 1:
            x = layers.Conv2D(filters, 1, strides, padding="same")(x)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return kind.Model(image, layers.Dense(10, activation="softmax")(x))


def ds_cnn(kind=tf_keras):
    """Of keyword spotting: [49, 10, 1] to 12 words, by depthwise separable convolutions."""
    layers = kind.layers
    spectrum = kind.Input((49, 10, 1), name="x")
    x = _normalized(kind, layers.Conv2D(64, (10, 4), 2, padding="same"), spectrum)
    for _ in range(4):
        x = _normalized(kind, layers.DepthwiseConv2D(3, padding="same"), x)
        x = _normalized(kind, layers.Conv2D(64, 1), x)
    x = layers.Flatten()(layers.AveragePooling2D((25, 5))(x))
    return kind.Model(spectrum, layers.Dense(12, activation="softmax")(x))


def autoencoder(kind=tf_keras):
    """Of anomaly detection: [640] to itself, through 8 numbers."""
    layers = kind.layers
    spectrum = kind.Input((640,), name="x")
    x = spectrum
    for units in (128,) * 4 + (8,) + (128,) * 4:
        x = _normalized(kind, layers.Dense(units), x)
    return kind.Model(spectrum, layers.Dense(640)(x))


def _normalized(kind, layer, x, activation=True):
    x = kind.layers.BatchNormalization()(layer(x))
    return kind.layers.ReLU()(x) if activation else x
