"""From a quantized model back to a plain tf_keras model."""

import tensorflow as tf
import tf_keras

from tfqd.wrapping.activations import quantized_activations
from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.plain_values import how_to_quantize
from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.tf_keras.candidates import layers_of
from tfqd.wrapping.tf_keras.cloning import Copy, of_class
from tfqd.wrapping.tf_keras.config import QuantizeConfig
from tfqd.wrapping.tf_keras.insides import Functional
from tfqd.wrapping.tf_keras.model import QuantizedFunctional, QuantizedSequential
from tfqd.wrapping.tf_keras.toolkit import tfmot
from tfqd.wrapping.tf_keras.variable import variables_of
from tfqd.wrapping.tf_keras.wrapper import QuantizeWrapper
from tfqd.wrapping.vocabularies import told_vocabularies

_TFMOTS_WRAPPER = tfmot.quantization.keras.QuantizeWrapper
_PLAIN = {QuantizedFunctional: Functional, QuantizedSequential: tf_keras.Sequential}


def strip_quantization(model: tf_keras.Model) -> tf_keras.Model:
    """See `tfqd.strip_quantization`."""
    quantized = {id(entry.variable): entry for entry in find_quantized(model)}
    if not quantized:
        raise not_quantized(model)
    plain = plain_copy(model)
    for variable in variables_of(plain.model):
        entry = quantized.get(id(plain.origin(variable)))
        if entry is not None:
            variable.assign(tf.cast(entry.quantize(False), variable.dtype))
    return of_class(plain.model, type(model))


def float_copy(model: tf_keras.Model) -> tf_keras.Model:
    """A copy of a quantized or plain model that computes with floats.

    tfmot's quantizers of activations stay, which it has none without.
    """
    copy = plain_copy(model).model
    for layer in quantized_activations(copy):
        layer.active = False
    return copy


def not_quantized(model: tf_keras.Model) -> ValueError:
    """The error of a call that needs a quantized model."""
    theirs = [layer for layer in layers_of(model) if isinstance(layer, _TFMOTS_WRAPPER)]
    if theirs:
        reason = (
            f"its layer {theirs[0].name!r} is in tfmot's own wrapper; give quantize_apply the "
            "scheme tfqd.tfmot.QuantizeScheme(), and layers a tfqd.tfmot.QuantizeConfig"
        )
    else:
        reason = how_to_quantize(model)
    return ValueError(f"model {model.name!r} is not quantized by tfqd; {reason}")


def plain_copy(model: tf_keras.Model) -> Copy:
    """A copy with the float weights, without tfqd's quantizers.

    tfmot's stay, of activations as well as of weights: they are part of what the
    model computes.
    """
    kept: list[tuple[QuantizeWrapper, QuantizeWrapper]] = []

    def unwrap(layer, clone):
        config = getattr(layer, "quantize_config", None)
        if not isinstance(layer, QuantizeWrapper) or not isinstance(config, QuantizeConfig):
            return clone(layer)
        inner = clone(layer.layer)
        if config.activations is None:
            return inner
        remains = QuantizeConfig({}, activations=config.activations)
        kept.append((layer, QuantizeWrapper(inner, remains, name=layer.name)))
        return kept[-1][1]

    # Those that count frequencies have other weights when they are made with their words.
    with told_vocabularies(model, except_mode="tf_idf"):
        copy = Copy(model, unwrap)
    for old, new in kept:
        copy.copy_variables(old.activation_variables, new.activation_variables)
    for part in all_layers(copy.model):
        part.__class__ = _PLAIN.get(type(part), type(part))
    return copy
