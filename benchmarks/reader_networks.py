"""Thirteen small networks, quantized, and how each becomes a TFLite file."""

import pathlib
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

import tfqd

sys.path.append(str(pathlib.Path(__file__).parents[1] / "tests" / "export"))
import mlperf_tiny
import other_readers as other_readers

_EXAMPLES = 50
_WORDS = 200


def _random(model: keras.Model) -> np.ndarray:
    generator = np.random.default_rng(0)
    shape = (_EXAMPLES, *model.input_shape[1:])
    if model.inputs[0].dtype == "int32":
        return generator.integers(0, _WORDS, shape).astype(np.int32)
    return generator.normal(size=shape).astype(np.float32)


class Network(NamedTuple):
    """A quantized network.

    build: makes the float model, whose only input is called ``x``.
    spec: how to quantize it.
    options: of `tfqd.export.tflite`.
    examples: makes inputs for the float model.
    """

    build: Callable[[], keras.Model]
    spec: Any = tfqd.presets.deployable(4)
    options: Mapping[str, Any] = types.MappingProxyType({})
    examples: Callable[[keras.Model], np.ndarray] = _random

    def quantized(self) -> tuple[keras.Model, np.ndarray]:
        """The model, and examples for it."""
        keras.utils.set_random_seed(0)
        model = self.build()
        x = self.examples(model)[:_EXAMPLES]
        quantized = tfqd.quantize_model(model, self.spec)
        if any(isinstance(layer, layers.BatchNormalization) for layer in model.layers):
            tfqd.callbacks.reestimate_batch_norm(quantized, x)
        return quantized, x


def _cnn():
    x = image = keras.Input((16, 16, 3), name="x")
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, strides=2, padding="same")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10)(x))


def _recurrent(layer):
    sequence = keras.Input((8, 12), name="x")
    return keras.Model(sequence, layers.Dense(4)(layer(16)(sequence)))


def _transformer():
    tokens = keras.Input((8, 16), name="x")
    x = layers.LayerNormalization()(tokens + layers.MultiHeadAttention(2, 8)(tokens, tokens))
    x = layers.LayerNormalization()(x + layers.Dense(16)(layers.Dense(32, "relu")(x)))
    return keras.Model(tokens, layers.Dense(4)(layers.Flatten()(x)))


def _digits(_=None) -> np.ndarray:
    """Scikit-learn's digits as images of 48x48, float32 [1797, 48, 48, 3] between -1 and 1."""
    images = load_digits().images.astype(np.float32) / 8 - 1
    return images.repeat(6, 1).repeat(6, 2)[..., None].repeat(3, 3)


def _mobilenet():
    """Trained a little: 53 layers of random weights make much of what 8 bits round off."""
    image = keras.Input((48, 48, 3), name="x")
    model = keras.applications.MobileNetV2(input_tensor=image, alpha=0.35, weights=None, classes=10)
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(2e-3), loss, jit_compile=False)
    model.fit(_digits(), load_digits().target, epochs=2, verbose=0)
    return model


def _dense():
    numbers = keras.Input((128,), name="x")
    return keras.Model(numbers, layers.Dense(10)(layers.Dense(64, "relu")(numbers)))


def _classifier():
    words = keras.Input((12,), dtype="int32", name="x")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(_WORDS, 16)(words))
    return keras.Model(words, layers.Dense(4)(layers.Dense(16, "relu")(x)))


_CODEBOOK = tfqd.Codebook(bits=3, bucket_size=None, layout="channel", scaling="symmetric")
NETWORKS = {
    "CNN with BatchNormalization": Network(_cnn),
    "LSTM": Network(lambda: _recurrent(layers.LSTM), options={"batch_size": 1}),
    "GRU": Network(lambda: _recurrent(layers.GRU), options={"batch_size": 1}),
    "transformer": Network(_transformer),
    "MobileNetV2": Network(_mobilenet, tfqd.presets.deployable(8), examples=_digits),
    "ResNet-8": Network(lambda: mlperf_tiny.resnet8(keras)),
    "DS-CNN": Network(lambda: mlperf_tiny.ds_cnn(keras)),
    "autoencoder": Network(lambda: mlperf_tiny.autoencoder(keras)),
    "bucketed Dense": Network(_dense, tfqd.presets.deployable(4, bucket_size=32)),
    "codebook Dense": Network(_dense, _CODEBOOK, {"prefer": "size"}),
    "INT2 Dense": Network(_dense, tfqd.presets.deployable(2), {"int2": True}),
    "full-integer CNN": Network(_cnn, options={"representative_dataset": True}),
    "embedding text classifier": Network(_classifier),
}
