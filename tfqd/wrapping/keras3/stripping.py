"""From a quantized model back to a plain Keras 3 model."""

import keras
import tensorflow as tf

from tfqd.wrapping.activations import quantized_activations
from tfqd.wrapping.keras3.cloning import copy_model
from tfqd.wrapping.keras3.layer import Quantizer, QuantizeWrapper
from tfqd.wrapping.keras3.model import QuantizedModel
from tfqd.wrapping.keras3.substitution import find_quantized
from tfqd.wrapping.layers import all_layers


def strip_quantization(model: keras.Model) -> keras.Model:
    """See `tfqd.strip_quantization`."""
    quantized = {id(entry.variable): entry for entry in find_quantized(model)}
    if not quantized:
        raise ValueError(f"model {model.name!r} is not quantized; there is nothing to strip")
    plain = plain_copy(model)
    remaining = layers_of_tfqd(plain)
    if remaining:
        raise ValueError(
            f"model {model.name!r} makes tfqd's layer {remaining[0].name!r} in code of its own, "
            "not from its configuration, so there is no model without it; only quantize_model's "
            "models and those that are given QuantizeWrapper layers can be stripped"
        )
    for old, new in zip(plain_weights(model), plain.weights, strict=True):
        if id(old) in quantized:
            new.assign(tf.cast(quantized[id(old)].quantize(False), new.dtype))
    return plain


def float_copy(model: keras.Model) -> keras.Model:
    """A copy of a quantized or plain model that computes with floats throughout.

    Raises:
        ValueError: when the model quantizes in code of its own.
    """
    copy = plain_copy(model)
    remaining = layers_of_tfqd(copy)
    if remaining:
        raise ValueError(
            f"model {model.name!r} makes tfqd's layer {remaining[0].name!r} in code of its own, "
            "so there is no float copy of it; give a teacher"
        )
    for layer in quantized_activations(copy):
        layer.active = False
    return copy


def plain_copy(model: keras.Model) -> keras.Model:
    """A copy with the float weights, without what tfqd put around models and layers."""
    return copy_model(model, unwrap={QuantizedModel: "model", QuantizeWrapper: "layer"})


def layers_of_tfqd(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers that quantize, in a model or among its layers."""
    kinds = Quantizer | QuantizeWrapper | QuantizedModel
    return [layer for layer in all_layers(model) if isinstance(layer, kinds)]


def plain_weights(model: keras.Model) -> list[keras.Variable]:
    """The weights without the quantizers' own, in the order of the plain model."""
    if isinstance(model, QuantizedModel):
        model.check_count()
    state = {id(v) for entry in find_quantized(model) for v in entry.state.values()}
    return [variable for variable in model.weights if id(variable) not in state]
