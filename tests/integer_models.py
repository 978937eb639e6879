"""Small models of what files of integers are made of, and data for them."""

import keras
import numpy as np
from keras import layers

import tfqd

IMAGES = np.random.default_rng(0).normal(size=(96, 8, 8, 3)).astype(np.float32)
CLASSES = (IMAGES[:, 2, 2, 0] > 0).astype(np.int64) + 2 * (IMAGES[:, 5, 5, 1] > 0)


def block(x, filters, size, name, relu=True):
    """A convolution with its normalization."""
    x = layers.Conv2D(filters, size, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def residual():
    """A sum, a concatenation and all kinds of pooling between convolutions."""
    image = keras.Input((8, 8, 3), name="image")
    x = block(image, 8, 3, "stem")
    y = block(block(x, 8, 3, "inner"), 8, 3, "outer", relu=False)
    x = layers.ReLU(name="sum_relu")(layers.Add(name="sum")([x, y]))
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    y = layers.ReLU(6.0, name="depthwise_relu")(layers.BatchNormalization()(y))
    x = layers.Concatenate()([y, block(x, 4, 1, "pointwise")])
    x = layers.AveragePooling2D(2, name="average")(layers.MaxPooling2D(2)(x))
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling2D()(layers.ZeroPadding2D()(x)))
    x = layers.Dense(16, activation="relu", name="hidden")(x)
    return keras.Model(image, layers.Dense(4, activation="softmax", name="classes")(x))


def quantized(model=None, bits=8, **fields):
    """A calibrated model of INT8 weights."""
    spec = tfqd.Activations(bits=bits, **fields)
    result = tfqd.quantize_model(model or residual(), tfqd.presets.deployable(8), activations=spec)
    tfqd.calibrate(result, IMAGES)
    return result


def trained(bits=8, epochs=4, **fields):
    """The same after some training."""
    keras.utils.set_random_seed(0)
    result = quantized(bits=bits, **fields)
    loss = "sparse_categorical_crossentropy"
    result.compile(keras.optimizers.Adam(3e-3), loss, jit_compile=False)
    result.fit(IMAGES, CLASSES, epochs=epochs, batch_size=16, verbose=0)
    return result
