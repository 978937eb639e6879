"""From a quantized model back to a plain Keras 3 model."""

import keras
import tensorflow as tf

from tfqd.wrapping.keras3.cloning import copy_model
from tfqd.wrapping.keras3.layer import Quantizer, QuantizeWrapper
from tfqd.wrapping.keras3.model import QuantizedModel
from tfqd.wrapping.keras3.substitution import find_quantized


def strip_quantization(model: keras.Model) -> keras.Model:
    """See `tfqd.strip_quantization`."""
    quantized = {id(entry.variable): entry for entry in find_quantized(model)}
    if not quantized:
        raise ValueError(f"model {model.name!r} is not quantized; there is nothing to strip")
    plain = plain_model(model)
    plain = copy_model(plain) if isinstance(model, QuantizedModel) else plain
    for old, new in zip(plain_weights(model), plain.weights, strict=True):
        entry = quantized.get(id(old))
        new.assign(tf.convert_to_tensor(old) if entry is None else entry.quantize(False))
    return plain


def plain_model(model: keras.Model) -> keras.Model:
    """A model of the architecture without quantization, whatever its weights."""
    if isinstance(model, QuantizedModel):
        return model.model
    if any(isinstance(layer, Quantizer) for layer in model._flatten_layers()):
        raise ValueError(
            f"model {model.name!r} calls tfqd.layers.Quantizer inside its own layers; only "
            "quantize_model's models and QuantizeWrapper layers can be stripped"
        )
    return copy_model(model, clone_function=_unwrap)


def plain_weights(model: keras.Model) -> list[keras.Variable]:
    """The weights without the quantizers' own, in the order of the plain model."""
    state = {id(v) for entry in find_quantized(model) for v in entry.state.values()}
    return [variable for variable in model.weights if id(variable) not in state]


def _unwrap(layer: keras.layers.Layer) -> keras.layers.Layer:
    source = layer.layer if isinstance(layer, QuantizeWrapper) else layer
    return source.__class__.from_config(source.get_config())
