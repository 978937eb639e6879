"""From a plain model of either Keras version to its shadow, and on to a quantized model."""

import keras
import tensorflow as tf

from tfqd.selection import Selection
from tfqd.wrapping.keras3.candidates import choose_quantizers
from tfqd.wrapping.keras3.cloning import copy_model
from tfqd.wrapping.keras3.model import QuantizedModel
from tfqd.wrapping.shadow import Shadow


def shadow_of(model, selection: Selection) -> Shadow:
    """A shadow for the variables of a built plain model that `selection` quantizes.

    Raises:
        TypeError: when it is no Keras model.
        ValueError: for a bad selection, NaN or infinite weights, or a
            constraint on one of the variables.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras model; got {type(model).__name__}")
    chosen = [
        (variable, variable.path, quantizer)
        for variable, quantizer in choose_quantizers(model, selection)
    ]
    for variable, path, _ in chosen:
        if variable.constraint is not None:
            raise ValueError(
                f"the optimizer would hold the quantized values of {path} to its constraint "
                f"{variable.constraint}, not the float ones; map its path to None, or use "
                "tfqd.quantize_model(model, spec)"
            )
    return Shadow(model, chosen)


def quantized_copy(shadow: Shadow) -> QuantizedModel:
    """A quantized model with the float values of a shadowed one.

    Raises:
        ValueError: when it is a tf_keras model.
    """
    if not isinstance(shadow.model, keras.Model):
        raise ValueError(
            "only a Keras 3 model has a quantized copy; compress() gives the compressed form of a "
            "tf_keras model"
        )
    index = {id(variable): i for i, variable in enumerate(shadow.model.weights)}
    places = [index[id(entry.variable)] for entry in shadow.entries]
    quantizers = [entry.quantizer for entry in shadow.entries]
    copy = QuantizedModel(copy_model(shadow.model), dict(zip(places, quantizers, strict=True)))
    for ours, theirs in zip(shadow.entries, copy.quantized_variables, strict=True):
        theirs.variable.assign(tf.cast(ours.value(), theirs.variable.dtype))
        for role, variable in ours.state.items():
            theirs.state[role].assign(variable)
        theirs.set_bits(ours.bits)
    return copy
