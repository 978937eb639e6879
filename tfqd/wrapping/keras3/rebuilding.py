"""Keras 3 models made again from their compressed form."""

from collections.abc import Mapping

import keras
import numpy as np

from tfqd.compressed import CompressedModel
from tfqd.wrapping import rebuilding
from tfqd.wrapping.architectures import model_of
from tfqd.wrapping.keras3.deserialization import deserialize
from tfqd.wrapping.keras3.insides import set_path
from tfqd.wrapping.keras3.model import QuantizedModel
from tfqd.wrapping.layers import all_layers


def plain_from(compressed: CompressedModel) -> keras.Model:
    """See `tfqd.wrapping.rebuilding.plain_from`."""
    return rebuilding.plain_from(compressed, _rebuilt)


def quantized_from(compressed: CompressedModel) -> QuantizedModel:
    """See `tfqd.wrapping.rebuilding.quantized_from`."""
    return rebuilding.quantized_from(compressed, _rebuilt, QuantizedModel)


def _rebuilt(compressed: CompressedModel, weights: Mapping[str, np.ndarray]) -> keras.Model:
    model = model_of(compressed, "keras", deserialize)
    for variable, (name, array) in zip(model.weights, weights.items(), strict=True):
        variable.assign(array)
        set_path(variable, name)
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with constants made from its weights
    return model
