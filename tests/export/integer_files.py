"""Models whose files have integer activations, and those files."""

import keras
import numpy as np
from keras import layers
from served_models import CASES, Case
from tflite_by_hand import symmetric

import tfqd


def exported(quantized, folder, data, **options):
    """What came of the export, and the bytes of its file."""
    path = folder / "m.tflite"
    result = tfqd.export.tflite(quantized, path, representative_dataset=data, **options)
    return result, path.read_bytes()


def recurrent(unroll):
    """A quantized model of two recurrent layers."""

    def build():
        words = keras.Input((5,), dtype="int32", name="words")
        x = layers.Embedding(30, 6)(words)
        x = layers.LSTM(5, return_sequences=True, unroll=unroll)(x)
        return keras.Model(words, layers.Dense(3, name="tags")(layers.GRU(7, unroll=unroll)(x)))

    return Case(build, symmetric(4), {}, ["tags"]).quantized()


def calibrated():
    """A quantized model of two layers, and examples for it."""
    quantized = CASES["dense of 4 bits"]._replace(spec=symmetric(4)).quantized()
    x = np.random.default_rng(5).normal(size=(50, 20))
    return quantized, x.astype(np.float32)
