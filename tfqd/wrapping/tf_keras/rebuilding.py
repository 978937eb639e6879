"""tf_keras models made again from their compressed form."""

from collections.abc import Mapping

import numpy as np
import tf_keras

from tfqd.compressed import CompressedModel
from tfqd.quantizers import Quantizer
from tfqd.wrapping import rebuilding
from tfqd.wrapping.architectures import model_of
from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.tf_keras.candidates import owned_variables
from tfqd.wrapping.tf_keras.model import with_quantizers
from tfqd.wrapping.tf_keras.scope import quantize_scope


def plain_from(compressed: CompressedModel) -> tf_keras.Model:
    """See `tfqd.wrapping.rebuilding.plain_from`."""
    return rebuilding.plain_from(compressed, _rebuilt)


def quantized_from(compressed: CompressedModel) -> tf_keras.Model:
    """See `tfqd.wrapping.rebuilding.quantized_from`."""
    return rebuilding.quantized_from(compressed, _rebuilt, _quantized)


def _rebuilt(compressed: CompressedModel, weights: Mapping[str, np.ndarray]) -> tf_keras.Model:
    with quantize_scope():
        model = model_of(compressed, "tf_keras", tf_keras.saving.deserialize_keras_object)
    for variable, array in zip(model.weights, weights.values(), strict=True):
        variable.assign(array)
    for layer in all_layers(model):
        if isinstance(layer, tf_keras.layers.Normalization):
            layer.finalize_state()  # It computes with constants made from its weights.
    return model


def _quantized(model: tf_keras.Model, quantizers: Mapping[int, Quantizer]) -> tf_keras.Model:
    owned = {id(entry.variable): entry for entry in owned_variables(model)}
    weights = model.weights
    chosen = [(owned[id(weights[i])], quantizers[i].spec) for i in sorted(quantizers)]
    return with_quantizers(model, chosen)
