"""From a plain model of either Keras version to its shadow, and on to a quantized model."""

import keras
import tensorflow as tf

from tfqd.quantizers import Quantizer, quantizer_for
from tfqd.spec.selection import Selection
from tfqd.wrapping.keras3.candidates import choose_quantizers
from tfqd.wrapping.keras3.cloning import copy_model
from tfqd.wrapping.keras3.model import QuantizedModel
from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.shadow import Shadow


def shadow_of(model, selection: Selection) -> Shadow:
    """A shadow for the variables of a built plain model that `selection` quantizes.

    Raises:
        TypeError: when `selection` is none.
        ValueError: for a bad selection, NaN or infinite weights, or a
            constraint on one of the variables.
    """
    chosen = _chosen(model, selection)
    for variable, path, _ in chosen:
        if variable.constraint is not None:
            raise ValueError(
                f"the optimizer would hold the quantized values of {path} to its constraint "
                f"{variable.constraint}, not the float ones; map its path to None, or use "
                "tfqd.quantize_model(model, spec)"
            )
    return Shadow(model, chosen)


def quantized_copy(shadow: Shadow, selection: Selection):
    """A quantized model with the float values, bits and seeds of a shadowed one.

    Args:
        shadow: of a model of Keras 3 or tf_keras.
        selection: what it was made by.

    Raises:
        ValueError: when the model cannot be copied.
    """
    copy = _quantized(shadow, selection)
    for ours, theirs in zip(shadow.entries, find_quantized(copy), strict=True):
        theirs.variable.assign(tf.cast(ours.value(), theirs.variable.dtype))
        for role, variable in ours.state.items():
            theirs.state[role].assign(variable)
        theirs.set_bits(ours.bits)
    return copy


def _chosen(model, selection: Selection) -> list[tuple[object, str, Quantizer]]:
    """Variables, paths and quantizers."""
    if isinstance(model, keras.Model):
        chosen = choose_quantizers(model, selection)
        return [(variable, variable.path, quantizer) for variable, quantizer in chosen]
    from tfqd.wrapping.tf_keras.candidates import choose_specs  # Imports tfmot.

    return [
        (entry.variable, entry.path, quantizer_for(spec, entry.channel_axes))
        for entry, spec in choose_specs(model, selection)
    ]


def _quantized(shadow: Shadow, selection: Selection):
    """A quantized copy of the model as it is."""
    model = shadow.model
    if isinstance(model, keras.Model):
        index = {id(variable): i for i, variable in enumerate(model.weights)}
        quantizers = {index[id(entry.variable)]: entry.quantizer for entry in shadow.entries}
        return QuantizedModel(copy_model(model), quantizers)
    from tfqd.wrapping.tf_keras.candidates import choose_specs
    from tfqd.wrapping.tf_keras.model import with_quantizers

    return with_quantizers(model, choose_specs(model, selection))
