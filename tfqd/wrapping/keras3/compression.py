"""Reading a quantized Keras 3 model out into the compressed form."""

from typing import Any

import keras
import numpy as np

from tfqd.compressed import CompressedModel, QuantizedTensor
from tfqd.spec.unique_names import unique_names
from tfqd.wrapping.complaints import one_line
from tfqd.wrapping.keras3.candidates import check_values
from tfqd.wrapping.keras3.model import QuantizedModel
from tfqd.wrapping.keras3.stripping import layers_of_tfqd, plain_copy, plain_weights
from tfqd.wrapping.keras3.substitution import find_quantized
from tfqd.wrapping.plain_values import how_to_quantize
from tfqd.wrapping.vocabularies import told_vocabularies


def compress(model: keras.Model) -> CompressedModel:
    """See `tfqd.compress`."""
    quantized = {id(entry.variable): entry for entry in find_quantized(model)}
    if not quantized:
        raise ValueError(f"model {model.name!r} is not quantized; {how_to_quantize(model)}")
    names = names_of_weights(model)
    tensors: dict[str, QuantizedTensor | np.ndarray] = {}
    for variable in plain_weights(model):
        entry = quantized.get(id(variable))
        check_values(variable, quantized=entry is not None and entry.in_force is not None)
        stored = None if entry is None else entry.encode()
        tensors[names[id(variable)]] = variable.numpy() if stored is None else stored
    architecture, reason = _architecture(model)
    return CompressedModel(tensors, architecture, no_architecture=reason)


def names_of_weights(model: keras.Model) -> dict[int, str]:
    """What the compressed form calls a plain or quantized model's weights, by their ids.

    Keras does not make paths unique: two nested models may both have a ``dense/kernel``.
    """
    weights = plain_weights(model)
    names = unique_names((variable.path for variable in weights), ":")
    return {id(variable): name for variable, name in zip(weights, names, strict=True)}


def float_form(model: keras.Model) -> CompressedModel:
    """See `tfqd.wrapping.float_form`."""
    names = unique_names((variable.path for variable in model.weights), ":")
    weights = zip(names, model.weights, strict=True)
    return CompressedModel(
        {name: variable.numpy() for name, variable in weights}, _serialized(model)
    )


def _architecture(model: keras.Model) -> tuple[dict[str, Any] | None, str | None]:
    """The plain model's serialization, or why it has none: where code of its own quantizes."""
    plain = model.model if isinstance(model, QuantizedModel) else plain_copy(model)
    remaining = layers_of_tfqd(plain)
    if remaining:
        name = f"{type(model).__name__} {model.name!r}"
        return None, one_line(f"{name} makes tfqd's layer {remaining[0].name!r} in its own code")
    return _serialized(plain), None


def _serialized(model: keras.Model) -> dict[str, Any]:
    with told_vocabularies(model):
        return keras.saving.serialize_keras_object(model)
