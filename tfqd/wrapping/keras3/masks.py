"""Which masks in a graph a user gave, and which Keras gives itself.

Keras 3 gives a layer the mask of its input as an argument, which the graph keeps like one that the
user gave. A graph that was read again has computed it by operations of its own.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from tfqd.wrapping.keras3.insides import arguments_of, calls_in, get_keras_mask
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
    ours = keras.tree.flatten((place, arguments_of(first, call)))
    theirs = keras.tree.flatten((other_place, arguments_of(second, other_call)))
    return len(ours) == len(theirs) and all(map(_alike, ours, theirs))


def _settings(operation: keras.Operation) -> tuple[type, dict[str, Any]]:
    public = {key: value for key, value in vars(operation).items() if not key.startswith("_")}
    return type(operation), {**public, "name": None}
