"""The variables of a Keras 3 model that may be quantized."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from tfqd.quantizers import Quantizer, quantizer_for
from tfqd.spec.selection import Candidate, Selection, select
from tfqd.wrapping.keras3.insides import in_stateless_scope, made_trainable
from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.values import check_finite, check_float, check_magnitude
from tfqd.wrapping.variables import channel_axes, is_kernel


class OwnedVariable(NamedTuple):
    """A floating-point variable that a layer created as trainable."""

    variable: keras.Variable
    layer: keras.layers.Layer

    @property
    def is_kernel(self) -> bool:
        return is_kernel(self.variable.name, len(self.variable.shape))


def owned_variables(layer: keras.layers.Layer) -> list[OwnedVariable]:
    """The layer's trainable-made float variables, in the order of its weights.

    Frozen layers count: freezing hides a kernel from the optimizer, it does not
    make it a statistic. Variables without elements have nothing to quantize.
    """
    owners = {id(variable): part for part in all_layers(layer) for variable in made_trainable(part)}
    return [
        OwnedVariable(variable, owners[id(variable)])
        for variable in layer.weights
        if id(variable) in owners
        and keras.backend.is_float_dtype(variable.dtype)
        and 0 not in variable.shape
    ]


def choose_quantizers(
    layer: keras.layers.Layer, selection: Selection, path: Callable[[str], str] = str
) -> list[tuple[keras.Variable, Quantizer]]:
    """The variables of a built layer that `selection` quantizes, with quantizers.

    Args:
        layer: a built layer or model.
        selection: which variables, and how.
        path: what of a variable's path the selection's patterns are to see.

    Raises:
        TypeError, ValueError: for a bad selection, or NaN or infinite weights.
    """
    owned = owned_variables(layer)
    candidates = [Candidate(path(entry.variable.path), entry.is_kernel) for entry in owned]
    specs = select(selection, candidates)
    normalizers = _normalizers(layer)
    chosen = []
    for (variable, owner), spec in zip(owned, specs, strict=True):
        if spec is not None:
            check_values(variable, quantized=True)
            _check_owner(variable, normalizers.get(id(variable)))
            axes = channel_axes(owner, variable.name, len(variable.shape))
            chosen.append((variable, quantizer_for(spec, axes)))
    return chosen


def check_values(variable: keras.Variable, quantized: bool) -> None:
    """Raises ValueError when the variable holds what cannot be stored, or quantized.

    Counters and other whole numbers pass, and so does a variable that awaits
    its initial value inside a stateless scope.
    """
    if in_stateless_scope() or not keras.backend.is_float_dtype(variable.dtype):
        return
    value = tf.convert_to_tensor(variable)
    if quantized:
        check_finite(variable.path, value)
        check_magnitude(variable.path, value)
    else:
        check_float(variable.path, value, variable.trainable)


def _normalizers(layer: keras.layers.Layer) -> dict[int, str]:
    """The name of the SpectralNormalization around each variable that has one, by its id."""
    return {
        id(variable): part.name
        for part in all_layers(layer)
        if isinstance(part, keras.layers.SpectralNormalization)
        for variable in part.layer.weights
    }


def _check_owner(variable: keras.Variable, normalizer: str | None) -> None:
    """Raises ValueError for a variable that another layer computes with, not only its own."""
    if normalizer is not None:
        raise ValueError(
            f"{variable.path} is assigned anew in every training step by the "
            f"SpectralNormalization {normalizer!r} around it; map its path to None, or put the "
            "normalized kernel into a plain layer"
        )
