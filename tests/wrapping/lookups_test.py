"""Which inputs hold indices is read off the traced call, of whatever a layer looks up besides."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfqd
from tfqd.wrapping.lookups import rows_looked_up


class Placed(keras.layers.Layer):
    """Embeddings of tokens and of their places, which it holds as a constant or as a weight."""

    def __init__(self, held, **options):
        super().__init__(**options)
        self.words, self.spots = keras.layers.Embedding(20, 8), keras.layers.Embedding(6, 8)
        self.places = keras.ops.arange(6)
        if held == "weight":
            self.places = self.add_weight(
                shape=(6,), dtype="int32", trainable=False, initializer=lambda *_, **__: range(6)
            )

    def build(self, shape):
        self.words.build(shape)
        self.spots.build((6,))

    def call(self, tokens):
        return self.words(tokens) + self.spots(self.places)


@pytest.mark.parametrize("held", ["constant", "weight"])
@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_places_that_a_layer_holds_come_from_no_input(held, dtype):
    inputs = keras.Input((6,), dtype=dtype)
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(Placed(held)(inputs)))
    model = keras.Model(inputs, outputs)
    specs = [tf.TensorSpec((None, 6), dtype)]
    assert rows_looked_up(model, lambda tensors: model(tensors[0]), specs) == [20]
    integers = tfqd.Activations(without_kernel="float")
    student = tfqd.quantize_model(model, tfqd.presets.deployable(8), activations=integers)
    tokens = np.arange(12).reshape(2, 6).astype(dtype)
    tfqd.calibrate(student, tokens)
    np.testing.assert_allclose(student(tokens), model(tokens), atol=0.02)
