"""Small models of the kinds that are served, quantized, with inputs for them."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

import tfqd

BITS = range(1, 9)  # the widths of codes


class Case(NamedTuple):
    """A quantized model to serve.

    build: makes the float model.
    spec: how to quantize it.
    inputs: arrays by the names that the signature is to have.
    outputs: the names that its outputs are to have.
    tolerance: how far answers may be off, relative to the largest.
    """

    build: Callable[[], keras.Model]
    spec: tfqd.Uniform | tfqd.Codebook | dict
    inputs: dict[str, np.ndarray]
    outputs: list[str]
    tolerance: float = 1e-5

    def quantized(self) -> keras.Model:
        """The quantized model, with weights and statistics that are all alive."""
        model = self.build()
        generator = np.random.default_rng(1)
        for variable in model.weights:
            values = generator.uniform(0.2, 1.0, variable.shape)
            if "kernel" in variable.path or "embeddings" in variable.path:
                values = generator.normal(size=variable.shape) * 0.4
            variable.assign(values)
        return tfqd.quantize_model(model, self.spec)

    def answers(self, model: keras.Model) -> dict[str, np.ndarray]:
        """What a Keras model answers, by the names of the outputs."""
        inputs = self.inputs if len(self.inputs) > 1 else next(iter(self.inputs.values()))
        outputs = model(inputs, training=False)
        if isinstance(outputs, dict):
            return {name: np.array(outputs[name]) for name in self.outputs}
        outputs = outputs if isinstance(outputs, list) else [outputs]
        return {n: np.array(output) for n, output in zip(self.outputs, outputs, strict=True)}


@keras.saving.register_keras_serializable(package="tfqd_export_tests")
class TwoTowers(keras.Model):
    """A subclassed model."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.left = layers.Dense(8, activation="relu")
        self.right = layers.Dense(8, activation="tanh")

    def build(self, input_shape):
        self.left.build(input_shape)
        self.right.build(input_shape)

    def call(self, x):
        return self.left(x) * self.right(x)


def dense(units=16):
    return keras.Sequential(
        [
            keras.Input((20,), name="features"),
            layers.Dense(units, activation="relu"),
            layers.Dense(5, name="scores"),
        ]
    )


def side_by_side():
    """A layer for each width of codes."""
    features = keras.Input((20,), name="features")
    outputs = [layers.Dense(16, name=f"scores_{bits}")(features) for bits in BITS]
    return keras.Model(features, outputs)


def convolutional():
    image = keras.Input((9, 9, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, strides=2)(x)
    x = layers.SeparableConv2D(6, 3, activation="relu")(x)
    x = layers.Dropout(0.5)(layers.Conv2DTranspose(4, 2)(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(4, activation="softmax", name="classes")(x))


def recurrent():
    words = keras.Input((None,), dtype="int32", name="words")
    x = layers.Embedding(30, 6, mask_zero=True)(words)
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(x)
    return keras.Model(words, layers.Dense(3, name="tags")(layers.GRU(7)(x)))


def stateful():
    sequence = keras.Input(batch_shape=(2, 5, 3), name="sequence")
    return keras.Model(sequence, layers.LSTM(6, stateful=True, name="state")(sequence))


def stateless():
    sequence = keras.Input((5, 3), name="sequence")
    return keras.Model(sequence, layers.LSTM(6, name="state")(sequence))


def words():
    word = keras.Input((), dtype="string", name="word")
    index = layers.StringLookup(vocabulary=["red", "green", "blue"])(word)
    return keras.Model(word, layers.Dense(3, name="scores")(layers.Embedding(4, 5)(index)))


def short_types():
    policy = "mixed_bfloat16"
    image = keras.Input((9, 9, 3), name="image")
    x = layers.Conv2D(8, 3, activation="relu", dtype=policy)(image)
    x = layers.GlobalAveragePooling2D(dtype=policy)(x)
    return keras.Model(image, layers.Dense(4, dtype=policy, name="classes")(x))


def attention():
    sequence = keras.Input((6, 8), name="sequence")
    x = layers.MultiHeadAttention(2, key_dim=4)(sequence, sequence)
    x = layers.LayerNormalization()(x + sequence)
    y = layers.EinsumDense("abc,cd->abd", output_shape=(6, 8), name="tokens")(x)
    return keras.Model(sequence, [y, layers.Dense(2, name="pooled")(layers.Flatten()(x))])


def several_inputs():
    inputs = {
        "image": keras.Input((5, 5, 2), name="image"),
        "user": keras.Input((), dtype="int64", name="user"),
    }
    seen = layers.Flatten()(layers.Conv2D(3, 2)(inputs["image"]))
    known = layers.Embedding(120, 37)(inputs["user"])
    joined = layers.Concatenate()([seen, known])
    outputs = {"rating": layers.Dense(1)(joined), "next-item": layers.Dense(12)(joined)}
    return keras.Model(inputs, outputs)


def subclassed():
    model = TwoTowers()
    model.build((None, 7))
    return model


def _floats(*shape):
    return np.random.default_rng(2).normal(size=shape).astype(np.float32)


def _integers(limit, dtype, *shape):
    return np.random.default_rng(2).integers(1, limit, shape).astype(dtype)


def _of_bits(bits):
    """All widths of codes, in every layout and method between them."""
    method = tfqd.Codebook if bits % 2 else tfqd.Uniform
    return method(
        bits=bits,
        bucket_size=None if bits % 3 == 0 else 24,
        layout="channel" if bits % 4 < 2 else "flat",
        scaling="symmetric" if bits in (2, 4, 7) else "affine",
    )


CASES = {
    f"dense of {bits} bits": Case(dense, _of_bits(bits), {"features": _floats(3, 20)}, ["scores"])
    for bits in BITS
} | {
    "all bits": Case(
        side_by_side,
        {f"scores_{bits}/kernel": _of_bits(bits) for bits in BITS},
        {"features": _floats(3, 20)},
        [f"scores_{bits}" for bits in BITS],
    ),
    "convolutional": Case(
        convolutional, tfqd.presets.deployable(4), {"image": _floats(2, 9, 9, 3)}, ["classes"]
    ),
    "convolutional, paper": Case(
        convolutional, tfqd.presets.paper(4), {"image": _floats(3, 9, 9, 3)}, ["classes"]
    ),
    "recurrent": Case(
        recurrent,
        tfqd.Codebook(bits=3, bucket_size=32),
        {"words": _integers(30, np.int32, 3, 11)},
        ["tags"],
    ),
    "stateful": Case(stateful, tfqd.Uniform(bits=4), {"sequence": _floats(2, 5, 3)}, ["state"]),
    "stateless": Case(stateless, tfqd.Uniform(bits=4), {"sequence": _floats(3, 5, 3)}, ["state"]),
    "words": Case(
        words, tfqd.Uniform(bits=4), {"word": np.array([b"red", b"blue", b"mauve"])}, ["scores"]
    ),
    "short types": Case(
        short_types, tfqd.Uniform(bits=4), {"image": _floats(2, 9, 9, 3)}, ["classes"], 5e-2
    ),
    "attention": Case(
        attention,
        tfqd.Uniform(bits=5, bucket_size=16, layout="channel"),
        {"sequence": _floats(4, 6, 8)},
        ["tokens", "pooled"],
    ),
    "several inputs, mixed": Case(
        several_inputs,
        {"conv2d.*/kernel": tfqd.Uniform(bits=6), "embeddings": tfqd.Codebook(bits=2)},
        {"image": _floats(2, 5, 5, 2), "user": _integers(12, np.int64, 2)},
        ["next-item", "rating"],
    ),
    "learned steps": Case(
        dense,
        {
            "scores/kernel": tfqd.LearnedStep(bits=3, scaling="affine", bucket_size=24),
            "kernel": tfqd.LearnedStep(bits=4, layout="channel"),
        },
        {"features": _floats(3, 20)},
        ["scores"],
    ),
    "codebooks": Case(
        convolutional,
        {
            "depthwise": tfqd.Codebook(bits=2, layout="channel", channels_per_codebook=1),
            "kernel": tfqd.Codebook(
                bits=3,
                points=5,
                layout="channel",
                channels_per_codebook=3,
                scaling="symmetric",
                grid="int8",
            ),
        },
        {"image": _floats(2, 9, 9, 3)},
        ["classes"],
    ),
    "subclassed": Case(subclassed, tfqd.Uniform(bits=8), {"input": _floats(2, 7)}, ["output_0"]),
}
