"""What one spec for a whole model quantizes is what the documentation says."""

import re

import keras
import numpy as np
import pytest
import tf_keras
from source_tree import ROOT

import tfqd


def with_positions(version):
    """Embeddings, positions of a layer of its own, a GRU, gains, slopes and biases."""
    layers = version.layers

    @version.saving.register_keras_serializable(f"lone_spec_test_{version.__name__}")
    class Positions(layers.Layer):
        def build(self, shape):
            self.table = self.add_weight(shape=(5, 4), name="table", initializer="ones")
            self.shift = self.add_weight(shape=(4,), name="shift", initializer="zeros")
            self.extra_bias = self.add_weight(shape=(1, 4), name="extra_bias", initializer="zeros")
            self.fixed = self.add_weight(
                shape=(5, 4), name="fixed", initializer="ones", trainable=False
            )
            super().build(shape)

        def call(self, x):
            return x + self.table + self.shift + self.extra_bias + self.fixed

    inputs = layers.Input((5,))
    x = Positions(name="positions")(layers.Embedding(9, 4, name="words")(inputs))
    x = layers.PReLU(name="slopes")(layers.LayerNormalization(name="norm")(x))
    x = layers.Dense(3, name="out")(layers.GRU(3, name="gru")(x))
    return version.Model(inputs, x)


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["Keras 3", "tf_keras"])
def test_all_that_trains_and_has_two_axes_but_biases_gains_and_slopes(version):
    quantized = tfqd.quantize_model(with_positions(version), 4)
    quantized(np.zeros((1, 5)))
    ends = [re.findall(r"\w+", entry.path) for entry in quantized.quantized_variables]
    assert {(path[0], path[-1]) for path in ends} == {
        ("words", "embeddings"),
        ("positions", "table"),
        ("gru", "kernel"),
        ("gru", "recurrent_kernel"),
        ("out", "kernel"),
    }


def test_the_documentation_says_so():
    for text in ((ROOT / "README.md").read_text(), tfqd.quantize_model.__doc__):
        assert re.search(r"what else trains\s+and has\s+two or more axes", text)
