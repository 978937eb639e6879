"""Keras 3 models made again from their compressed form."""

import keras
import numpy as np

from tfqd.compressed import CompressedModel
from tfqd.quantizers import quantizer_for
from tfqd.spec import from_dict
from tfqd.wrapping.architectures import model_of
from tfqd.wrapping.keras3.model import QuantizedModel
from tfqd.wrapping.tensors import float_weights, restore_state


def plain_from(compressed: CompressedModel) -> keras.Model:
    """A plain Keras model that holds the quantized values.

    Raises:
        ValueError: when the compressed model has no Keras 3 architecture, or
            one that its tensors do not fit.
    """
    return _rebuilt(compressed, compressed.dequantize())


def quantized_from(compressed: CompressedModel) -> QuantizedModel:
    """A quantized model that gives the same outputs and can train on.

    Its float weights are ones that quantize to the compressed model's codes:
    the originals are not kept.

    Raises:
        ValueError: as `plain_from`; also when nothing is quantized.
    """
    if not compressed.quantized:
        raise ValueError("the compressed model holds no quantized tensor to train on")
    quantizers = {
        name: quantizer_for(from_dict(tensor.spec), tensor.bucketing.channel_axes)
        for name, tensor in compressed.quantized.items()
    }
    weights = {
        name: float_weights(tensor, quantizers[name]) if name in quantizers else tensor
        for name, tensor in compressed.tensors.items()
    }
    index = {name: i for i, name in enumerate(compressed.tensors)}
    model = QuantizedModel(
        _rebuilt(compressed, weights), {index[name]: quantizers[name] for name in quantizers}
    )
    stored = compressed.quantized.values()
    for entry, tensor in zip(model.quantized_variables, stored, strict=True):
        restore_state(entry, tensor)
    return model


def _rebuilt(compressed: CompressedModel, weights: dict[str, np.ndarray]) -> keras.Model:
    model = model_of(compressed, "keras", keras.saving.deserialize_keras_object)
    for variable, (name, array) in zip(model.weights, weights.items(), strict=True):
        variable.assign(array)
        variable._path = name
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with constants made from its weights
    return model
