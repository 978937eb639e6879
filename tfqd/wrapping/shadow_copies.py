"""From a plain model of either Keras version to its shadow, and on to a quantized model."""

import tensorflow as tf

from tfqd.spec.selection import Selection
from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.shadow import Shadow
from tfqd.wrapping.version import version_of


def shadow_of(model, selection: Selection) -> Shadow:
    """A shadow for the variables of a built plain model that `selection` quantizes.

    Raises:
        TypeError: when `selection` is none.
        ValueError: for a bad selection, NaN or infinite weights, or a
            constraint on one of the variables.
    """
    chosen = version_of(model).building.choose_variables(model, selection)
    for variable, path, _ in chosen:
        if variable.constraint is not None:
            raise ValueError(
                f"the optimizer would hold the quantized values of {path} to its constraint "
                f"{variable.constraint}, not the float ones; map its path to None, or use "
                "tfqd.quantize_model(model, spec)"
            )
    return Shadow(model, chosen)


def quantized_copy(shadow: Shadow):
    """A quantized model with the float values, bits and seeds of a shadowed one.

    Args:
        shadow: of a model of Keras 3 or tf_keras.

    Raises:
        ValueError: when the model cannot be copied.
    """
    copy = version_of(shadow.model).building.quantized_from_shadow(shadow)
    for ours, theirs in zip(shadow.entries, find_quantized(copy), strict=True):
        theirs.variable.assign(tf.cast(ours.value(), theirs.variable.dtype))
        for role, variable in ours.state.items():
            theirs.state[role].assign(variable)
        theirs.set_bits(ours.bits)
    return copy
