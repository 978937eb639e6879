"""One tiny model for each family of Keras layers, with data that it can learn."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

EXAMPLES = 32


class Family(NamedTuple):
    """build: makes the model. channels: output channels of each kernel, in order."""

    build: Callable[[], keras.Model]
    channels: tuple[int, ...]


@keras.saving.register_keras_serializable(package="tfqd_tests")
class Residual(keras.Model):
    """A subclassed model with a residual connection and a nested Sequential."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.enter = layers.Dense(units)
        self.block = keras.Sequential([layers.Dense(5, activation="relu"), layers.Dense(units)])
        self.leave = layers.Dense(1)

    def build(self, input_shape):
        self.enter.build(input_shape)
        self.block.build((None, self.units))
        self.leave.build((None, self.units))

    def call(self, x):
        x = self.enter(x)
        return self.leave(x + self.block(x))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _stack(shape, *stack):
    return keras.Sequential([keras.Input(shape), *stack, layers.Flatten(), layers.Dense(1)])


def _attend(layer):
    x = keras.Input((5, 7))
    return keras.Model(x, layers.Dense(1)(layers.Flatten()(layer(x, x))))


def _embed():
    ids = keras.Input((6,), dtype="int32")
    x = layers.Flatten()(layers.Embedding(10, 4)(ids))
    return keras.Model(ids, layers.Dense(1)(x))


def _nested():
    inner_input = keras.Input((6,))
    inner = keras.Model(inner_input, layers.Dense(5, activation="relu")(inner_input))
    x = keras.Input((8,))
    return keras.Model(x, layers.Dense(1)(inner(layers.Dense(6)(x))))


def _shared():
    x = keras.Input((8,))
    twice = layers.Dense(8, activation="tanh")
    return keras.Model(x, layers.Dense(1)(twice(twice(x))))


def _subclassed():
    model = Residual()
    model.build((None, 8))
    return model


FAMILIES = {
    "Dense": Family(lambda: _stack((8,), layers.Dense(6, "relu")), (6, 1)),
    "Conv1D": Family(lambda: _stack((8, 3), layers.Conv1D(5, 3)), (5, 1)),
    "Conv2D": Family(lambda: _stack((6, 6, 3), layers.Conv2D(5, 3)), (5, 1)),
    "Conv3D": Family(lambda: _stack((4, 4, 4, 2), layers.Conv3D(3, 2)), (3, 1)),
    "DepthwiseConv1D": Family(
        lambda: _stack((8, 3), layers.DepthwiseConv1D(3, depth_multiplier=2)), (6, 1)
    ),
    "DepthwiseConv2D": Family(
        lambda: _stack((6, 6, 3), layers.DepthwiseConv2D(3, depth_multiplier=2)), (6, 1)
    ),
    "SeparableConv1D": Family(lambda: _stack((8, 3), layers.SeparableConv1D(5, 3)), (3, 5, 1)),
    "SeparableConv2D": Family(
        lambda: _stack((6, 6, 3), layers.SeparableConv2D(5, 3, depth_multiplier=2)), (6, 5, 1)
    ),
    "Conv1DTranspose": Family(lambda: _stack((4, 3), layers.Conv1DTranspose(5, 3)), (5, 1)),
    "Conv2DTranspose": Family(lambda: _stack((4, 4, 3), layers.Conv2DTranspose(5, 3)), (5, 1)),
    "Conv3DTranspose": Family(lambda: _stack((3, 3, 3, 2), layers.Conv3DTranspose(4, 2)), (4, 1)),
    "LSTM": Family(lambda: _stack((5, 3), layers.LSTM(4)), (16, 16, 1)),
    "GRU": Family(lambda: _stack((5, 3), layers.GRU(4)), (12, 12, 1)),
    "SimpleRNN": Family(lambda: _stack((5, 3), layers.SimpleRNN(4)), (4, 4, 1)),
    "Bidirectional": Family(
        lambda: _stack((5, 3), layers.Bidirectional(layers.LSTM(3))), (12, 12, 12, 12, 1)
    ),
    "ConvLSTM2D": Family(lambda: _stack((3, 5, 5, 2), layers.ConvLSTM2D(3, 3)), (12, 12, 1)),
    "Embedding": Family(_embed, (10, 1)),
    "MultiHeadAttention": Family(
        lambda: _attend(layers.MultiHeadAttention(2, key_dim=3, value_dim=4, output_shape=5)),
        (6, 6, 8, 5, 1),
    ),
    "GroupQueryAttention": Family(
        lambda: _attend(layers.GroupQueryAttention(3, num_query_heads=4, num_key_value_heads=2)),
        (12, 6, 6, 7, 1),
    ),
    "EinsumDense": Family(
        lambda: _stack((5, 7), layers.EinsumDense("abc,cde->abde", output_shape=(5, 2, 3))),
        (6, 1),
    ),
    "TimeDistributed": Family(
        lambda: _stack((3, 5, 5, 2), layers.TimeDistributed(layers.Conv2D(3, 3))), (3, 1)
    ),
    "nested model": Family(_nested, (6, 5, 1)),
    "shared layer": Family(_shared, (8, 1)),
    "subclassed model": Family(_subclassed, (4, 5, 4, 1)),
}


def learnable_data(model: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and a target that is linear in them, [EXAMPLES, ...] and [EXAMPLES, 1]."""
    generator = np.random.default_rng(7)
    if not hasattr(model, "input_shape"):
        x = generator.normal(size=(EXAMPLES, 8)).astype("float32")
    elif keras.backend.is_int_dtype(model.inputs[0].dtype):
        x = generator.integers(0, 10, (EXAMPLES, *model.input_shape[1:])).astype("int32")
        return x, (x < 5).mean(axis=1, keepdims=True).astype("float32")
    else:
        x = generator.normal(size=(EXAMPLES, *model.input_shape[1:])).astype("float32")
    return x, x.reshape(EXAMPLES, -1)[:, -4:].sum(axis=1, keepdims=True)
