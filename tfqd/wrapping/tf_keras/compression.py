"""Reading a quantized tf_keras model out into the compressed form."""

from typing import Any

import numpy as np
import tf_keras

from tfqd.compressed import CompressedModel, QuantizedTensor
from tfqd.spec.unique_names import unique_names
from tfqd.wrapping.complaints import one_line
from tfqd.wrapping.quantized import QuantizedVariable, find_quantized
from tfqd.wrapping.tf_keras.candidates import check_values, layers_of, owned_variables
from tfqd.wrapping.tf_keras.stripping import not_quantized, plain_copy
from tfqd.wrapping.tf_keras.variable import variables_of


def compress(model: tf_keras.Model) -> CompressedModel:
    """See `tfqd.compress`."""
    entries = find_quantized(model)
    if not entries:
        raise not_quantized(model)
    return _read(plain_copy(model), {id(entry.variable): entry for entry in entries})


def float_form(model: tf_keras.Model) -> CompressedModel:
    """The compressed form of a float model, in which nothing is quantized."""
    return _read(plain_copy(model), {})


def names_of_weights(model: tf_keras.Model) -> dict[int, str]:
    """What the compressed form calls a plain or quantized model's weights, by their ids.

    Layers of one name follow one another in a quantized model as in the plain one.
    """
    owned = owned_variables(model)
    names = unique_names((entry.path for entry in owned), ":")
    return {id(entry.variable): name for entry, name in zip(owned, names, strict=True)}


def _read(plain, quantized: dict[int, QuantizedVariable]) -> CompressedModel:
    _check_vocabularies(plain.model)
    paths = {id(entry.variable): entry.path for entry in owned_variables(plain.model)}
    weights = plain.model.weights
    names = unique_names((paths[id(variable)] for variable in weights), ":")
    tensors: dict[str, np.ndarray | QuantizedTensor] = {}
    for name, variable in zip(names, weights, strict=True):
        entry = quantized.get(id(plain.origin(variable)))
        check_values(name, variable, quantized=entry is not None and entry.in_force is not None)
        stored = None if entry is None else entry.encode()
        tensors[name] = variable.numpy() if stored is None else stored
    architecture, reason = _architecture(plain.model)
    return CompressedModel(tensors, architecture, "tf_keras", no_architecture=reason)


def _architecture(model: tf_keras.Model) -> tuple[dict[str, Any] | None, str | None]:
    """The model's serialization, or why tf_keras has none, as for ``x[..., 1:]``.

    Only what makes the model again needs it.
    """
    try:
        return tf_keras.saving.serialize_keras_object(model), None
    except TypeError as error:
        return None, one_line(f"tf_keras cannot write that of {model.name!r} ({error})")


def _check_vocabularies(model: tf_keras.Model) -> None:
    """Raises ValueError for a vocabulary that the architecture does not hold."""
    for layer in layers_of(model):
        if len(variables_of(layer)) < len(layer.weights):
            raise ValueError(
                f"layer {layer.name!r} ({type(layer).__name__}) has its vocabulary and frequencies "
                "from adapt(), which its configuration does not hold; make the layer with "
                "vocabulary= and idf_weights="
            )
