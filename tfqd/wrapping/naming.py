"""Quantized variables by the names that they have in files.

A path that a selection sees may be that of several variables, as of two models in a model
whose layers have equal names.
"""

from tfqd.wrapping.quantized import QuantizedVariable, find_quantized
from tfqd.wrapping.version import version_of


def quantized_by_name(model) -> dict[str, QuantizedVariable]:
    """A model's quantized weights, in its order, by their names in its compressed form.

    Args:
        model: of Keras 3 or tf_keras.

    Raises:
        TypeError: when `model` is no Keras model.
    """
    names = version_of(model).building.names_of_weights(model)
    entries = {id(entry.variable): entry for entry in find_quantized(model)}
    return {names[key]: entry for key, entry in entries.items() if key in names}
