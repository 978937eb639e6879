"""Keras 3 models made again from their compressed form."""

import copy

import keras
import numpy as np

from tfqd.compressed import CompressedModel
from tfqd.quantizers import quantizer_for
from tfqd.spec import from_dict
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
    if compressed.architecture is None or compressed.keras_version != "keras":
        raise ValueError(
            "a Keras 3 model can be made only from a Keras 3 architecture; the compressed model "
            f"holds {'none' if compressed.architecture is None else compressed.keras_version!r}"
        )
    # Keras edits what it reads; the architecture is to be read again.
    architecture = copy.deepcopy(compressed.architecture)
    model = keras.saving.deserialize_keras_object(architecture, safe_mode=True)
    expected = [tuple(variable.shape) for variable in model.weights]
    given = [array.shape for array in weights.values()]
    if expected != given:
        raise ValueError(
            f"the architecture {model.name!r} has {len(expected)} weights that the {len(given)} "
            "tensors do not fit"
        )
    for variable, (name, array) in zip(model.weights, weights.items(), strict=True):
        variable.assign(array)
        variable._path = name
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with constants made from its weights
    return model
