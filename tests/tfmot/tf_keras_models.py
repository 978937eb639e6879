"""Small tf_keras models of the layers that tfmot's default scheme refuses, and of others."""

import numpy as np
import tensorflow as tf
import tf_keras

layers = tf_keras.layers


@tf_keras.saving.register_keras_serializable("tfqd_tests")
def halved(x):
    return x / 2


def words():
    x = tf_keras.Input((6,), dtype="int32")
    y = layers.Embedding(10, 4, mask_zero=True)(x)
    y = layers.GRU(4)(layers.LSTM(4, return_sequences=True)(y))
    return tf_keras.Model(x, layers.Dense(1)(y))


def series():
    return tf_keras.Sequential(
        [
            tf_keras.Input((8, 3)),
            layers.Rescaling(0.5),
            layers.Conv1D(4, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ELU(),
            layers.Bidirectional(layers.SimpleRNN(3, return_sequences=True)),
            layers.LayerNormalization(),
            layers.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d"),
            layers.LeakyReLU(),
            layers.SeparableConv1D(4, 3),
            layers.TimeDistributed(layers.Dense(3)),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


def attention():
    x = tf_keras.Input((5, 7))
    y = layers.MultiHeadAttention(2, 3)(x, x)
    y = layers.Multiply()([layers.Lambda(halved)(y), tf.abs(x) + 1.0])
    y = layers.Dense(1)(layers.GlobalAveragePooling1D()(y))
    return tf_keras.Model(x, y)


def volumes():
    return tf_keras.Sequential(
        [
            tf_keras.Input((3, 5, 5, 2)),
            layers.Conv3D(3, 2),
            layers.LeakyReLU(),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


def images():
    block = tf_keras.Sequential(
        [tf_keras.Input((6, 6, 4)), layers.SeparableConv2D(4, 3, padding="same")], name="block"
    )
    shared = layers.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    x = tf_keras.Input((6, 6, 4))
    y = layers.Add()([block(shared(x)), shared(block(x))])
    y = layers.DepthwiseConv2D(3, depth_multiplier=2)(y)
    y = layers.Conv2DTranspose(3, 2)(y)
    return tf_keras.Model(x, layers.Dense(1)(layers.Flatten()(y)))


MODELS = {build.__name__: build for build in (words, series, attention, volumes, images)}


def learnable_data(model: tf_keras.Model, examples: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and a target that is linear in them, [examples, ...] and [examples, 1]."""
    generator = np.random.default_rng(7)
    shape = (examples, *model.input_shape[1:])
    if model.inputs[0].dtype.is_integer:
        x = generator.integers(1, 10, shape).astype("int32")
        x[:, -1] = 0  # Masked.
        return x, (x[:, :-1] < 5).mean(axis=1, keepdims=True).astype("float32")
    x = generator.normal(size=shape).astype("float32")
    return x, x.reshape(examples, -1)[:, -4:].sum(axis=1, keepdims=True)
