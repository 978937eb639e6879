"""Which masks in a graph a user gave and which Keras gives itself, and which are the same.

Keras 3 gives a layer the mask of its input as an argument, which the graph keeps like one that the
user gave. A graph that was read again has computed it by operations of its own.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from tfqd.wrapping.keras3.insides import calls_in, calls_of, get_keras_mask
from tfqd.wrapping.outputs import source_of


class GivenMask(NamedTuple):
    """A mask that a layer is given under a name, and the operation that computes it."""

    layer: keras.layers.Layer
    name: str
    operation: keras.Operation


def masks_given(graph: keras.Model) -> Iterator[GivenMask]:
    """The masks in a Functional model that operations compute and Keras would not give itself."""
    for layer, args, kwargs in calls_in(graph):
        for name, mask in kwargs.items():
            operation = _operation(mask) if name.endswith("mask") else None
            own = get_keras_mask(args[0]) if name == "mask" and args else None
            if operation is not None and not _alike(mask, own):
                yield GivenMask(layer, name, operation)


def has_masked_inputs(layer: keras.layers.Layer) -> bool:
    """Whether something that a layer is called on has a mask, in each of its calls."""
    calls = [keras.tree.flatten(args) for args, _ in calls_of(layer)]
    return all(any(get_keras_mask(x) is not None for x in inputs) for inputs in calls)


def has_one_mask(layer: keras.layers.Layer) -> bool:
    """Whether all that a layer is called on has the same mask, in each of its calls."""
    calls = [keras.tree.flatten(args) for args, _ in calls_of(layer)]
    return all(_is_one([get_keras_mask(x) for x in inputs]) for inputs in calls)


def _is_one(masks: list) -> bool:
    return all(mask is not None and _alike(mask, masks[0]) for mask in masks)


def _operation(mask: Any) -> keras.Operation | None:
    """The operation that gives a mask; None for one of a layer, an Input or a caller."""
    if not isinstance(mask, keras.KerasTensor):
        return None
    operation = source_of(mask)[0]
    return None if isinstance(operation, keras.layers.Layer) else operation


def _alike(a: Any, b: Any) -> bool:
    """Whether two arguments are the same, or computed alike from the same tensors."""
    if a is b:
        return True
    if not isinstance(a, keras.KerasTensor) or not isinstance(b, keras.KerasTensor):
        return type(a) is type(b) and np.array_equal(a, b)
    (first, call, place), (second, other_call, other_place) = source_of(a), source_of(b)
    if isinstance(first, keras.layers.Layer) or _settings(first) != _settings(second):
        return False
    ours = keras.tree.flatten((place, calls_of(first)[call]))
    theirs = keras.tree.flatten((other_place, calls_of(second)[other_call]))
    return len(ours) == len(theirs) and all(map(_alike, ours, theirs))


def _settings(operation: keras.Operation) -> tuple[type, dict[str, Any]]:
    public = {key: value for key, value in vars(operation).items() if not key.startswith("_")}
    return type(operation), {**public, "name": None}
