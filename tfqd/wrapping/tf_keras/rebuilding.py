"""tf_keras models made again from their compressed form."""

import numpy as np
import tf_keras

from tfqd.compressed import CompressedModel, QuantizedTensor
from tfqd.quantizers import quantizer_for
from tfqd.spec import from_dict
from tfqd.wrapping.architectures import model_of
from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.tensors import float_weights, restore_state
from tfqd.wrapping.tf_keras.candidates import owned_variables
from tfqd.wrapping.tf_keras.model import with_quantizers
from tfqd.wrapping.tf_keras.scope import quantize_scope


def plain_from(compressed: CompressedModel) -> tf_keras.Model:
    """A plain tf_keras model that holds the quantized values.

    Raises:
        ValueError: when the compressed model has no tf_keras architecture, or
            one that its tensors do not fit.
    """
    return _rebuilt(compressed, compressed.dequantize())


def quantized_from(compressed: CompressedModel) -> tf_keras.Model:
    """A quantized model that gives the same outputs and can train on.

    Its float weights are ones that quantize to the compressed model's codes:
    the originals are not kept.

    Raises:
        ValueError: as `plain_from`; also when nothing is quantized.
    """
    if not compressed.quantized:
        raise ValueError("the compressed model holds no quantized tensor to train on")
    weights = dict(compressed.tensors)
    for name, tensor in compressed.quantized.items():
        quantizer = quantizer_for(from_dict(tensor.spec), tensor.bucketing.channel_axes)
        weights[name] = float_weights(tensor, quantizer)
    plain = _rebuilt(compressed, weights)
    owned = {id(entry.variable): entry for entry in owned_variables(plain)}
    chosen = [
        (owned[id(variable)], from_dict(tensor.spec))
        for variable, tensor in zip(plain.weights, compressed.tensors.values(), strict=True)
        if isinstance(tensor, QuantizedTensor)
    ]
    model = with_quantizers(plain, chosen)
    stored = compressed.quantized.values()
    for entry, tensor in zip(find_quantized(model), stored, strict=True):
        restore_state(entry, tensor)
    return model


def _rebuilt(compressed: CompressedModel, weights: dict[str, np.ndarray]) -> tf_keras.Model:
    with quantize_scope():
        model = model_of(compressed, "tf_keras", tf_keras.saving.deserialize_keras_object)
    for variable, array in zip(model.weights, weights.values(), strict=True):
        variable.assign(array)
    for layer in model._flatten_layers():
        if isinstance(layer, tf_keras.layers.Normalization):
            layer.finalize_state()  # It computes with constants made from its weights.
    return model
