"""The variables of a tf_keras model that may be quantized."""

from collections.abc import Iterator

import tensorflow as tf
import tf_keras

from tfqd.spec import Spec
from tfqd.spec.selection import Candidate, Selection, select
from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.tf_keras.attributes import HeldVariable, held_variables
from tfqd.wrapping.tf_keras.config import channel_axes_of, is_held_kernel
from tfqd.wrapping.tf_keras.variable import as_stored, variables_of
from tfqd.wrapping.tf_keras.wrapper import QuantizeWrapper
from tfqd.wrapping.values import check_finite, check_float, check_magnitude
from tfqd.wrapping.variables import is_kernel

# By the names of their classes, as importing tfqd imports no tfmot.
_COMPUTE_OTHERWISE = {
    "ClusterWeights": "call tfmot.clustering.keras.strip_clustering(model) first",
    "PruneLowMagnitude": "call tfmot.sparsity.keras.strip_pruning(model) first, and quantize with "
    "preserve_zeros=True to keep the zeros",
    "SpectralNormalization": "it assigns its kernel anew in every training step; put the "
    "normalized kernel into a plain layer",
}


class OwnedVariable:
    """A variable of a model and the layer, one of the model's own, that it is part of.

    held: None for the rare one that no attribute of its layer holds.
    """

    def __init__(self, variable: tf.Variable, layer, held: HeldVariable | None):
        self.variable = variable
        self.layer = layer
        self.held = held

    @property
    def place(self) -> HeldVariable:
        """What holds it; ValueError where that is no attribute."""
        if self.held is None:
            raise ValueError(
                f"{self.path} is held by no attribute of its layer, so it cannot be quantized; "
                "map its path to None"
            )
        return self.held

    @property
    def path(self) -> str:
        """Layer and attributes, as in ``lstm/cell/kernel``; nested models are not named."""
        inside = self.held.path.replace(".", "/") if self.held else self._own_name
        return f"{self.layer.name}/{inside}"

    @property
    def is_kernel(self) -> bool:
        """Whether a spec without a pattern applies to it."""
        if self.held is None:
            return is_kernel(self._own_name, len(self.variable.shape))
        return is_held_kernel(self.held)

    @property
    def channel_axes(self) -> tuple[int, ...]:
        """The axes that index the output channel; only of one that an attribute holds."""
        return channel_axes_of(self.place)

    @property
    def _own_name(self) -> str:
        return self.variable.name.split(":")[0].rpartition("/")[2]


def layers_of(model: tf_keras.Model) -> Iterator[tf_keras.layers.Layer]:
    """The layers of a model and of the models among them, each once."""
    seen: set[int] = set()
    for layer in model.layers:
        for each in layers_of(layer) if isinstance(layer, tf_keras.Model) else [layer]:
            if id(each) not in seen:
                seen.add(id(each))
                yield each


def owned_variables(model: tf_keras.Model) -> list[OwnedVariable]:
    """All variables of a model's layers, those in tfqd's wrappers under their layer's name."""
    owned: dict[int, OwnedVariable] = {}
    for layer in layers_of(model):
        inner = layer.layer if isinstance(layer, QuantizeWrapper) else layer
        held = {id(each.variable): each for each in held_variables(inner)}
        for variable in variables_of(layer):
            of_inner = id(variable) in held
            entry = OwnedVariable(variable, inner if of_inner else layer, held.get(id(variable)))
            owned.setdefault(id(variable), entry)
    return list(owned.values())


def choose_specs(model: tf_keras.Model, selection: Selection) -> list[tuple[OwnedVariable, Spec]]:
    """The variables of a built model that `selection` quantizes, with their specs.

    Raises:
        TypeError, ValueError: for a bad selection, NaN or infinite weights, or a
            variable that cannot be quantized.
    """
    owned = [entry for entry in owned_variables(model) if _may_be_chosen(entry.variable)]
    specs = select(selection, [Candidate(entry.path, entry.is_kernel) for entry in owned])
    chosen = [(entry, spec) for entry, spec in zip(owned, specs, strict=True) if spec is not None]
    wrappers = _wrappers(model)
    for entry, _ in chosen:
        if id(entry.variable) in wrappers:
            raise ValueError(f"{entry.path} {wrappers[id(entry.variable)]}")
        check_values(entry.path, entry.place.variable, quantized=True)
    return chosen


def check_values(path: str, variable: tf.Variable, quantized: bool) -> None:
    """Raises ValueError when the variable holds what cannot be stored, or quantized."""
    if not variable.dtype.is_floating:
        return
    with as_stored():
        value = tf.convert_to_tensor(variable)
    if quantized:
        check_finite(path, value)
        check_magnitude(path, value)
    else:
        check_float(path, value, variable.trainable)


def _may_be_chosen(variable: tf.Variable) -> bool:
    return variable.trainable and variable.dtype.is_floating and 0 not in variable.shape


def _wrappers(model: tf_keras.Model) -> dict[int, str]:
    """What stands around each variable that cannot be quantized, and the remedy, by its id."""
    return {
        id(weight): f"is in {part.name!r}, a {type(part).__name__}; {_COMPUTE_OTHERWISE[kind]}"
        for part in all_layers(model)
        if (kind := type(part).__name__) in _COMPUTE_OTHERWISE
        for weight in part.weights
    }
