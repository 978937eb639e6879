"""Where a tf_keras layer keeps its variables, and how to put values in their place.

A tf_keras layer reads its variables as attributes, its own or those of a layer
inside it, so a value takes a variable's place when it is set as the attribute.
It is set past Keras' ``__setattr__``, which would strike the variable off the
layer's weights and put it at their end when it comes back.
"""

import contextlib
from collections.abc import Iterator

import tensorflow as tf
import tf_keras

from tfqd.wrapping.tf_keras.insides import autocast_variable

_CONTAINERS = (list, tuple, dict)


class HeldVariable:
    """A variable of a layer and the attributes that hold it.

    path: the way to it from the layer, as in ``cell.recurrent_kernel``.
    holder: the layer, or the layer inside it, that has the attribute.
    """

    def __init__(self, variable: tf.Variable, path: str, holder: tf_keras.layers.Layer):
        self.variable = variable
        self.path = path
        self.holder = holder
        self._places = [(holder, self.name)]

    @property
    def name(self) -> str:
        """The attribute's name, such as ``recurrent_kernel``."""
        return self.path.rpartition(".")[2]

    @property
    def made_trainable(self) -> bool:
        """Whether the layer made it to be trained; freezing does not change that."""
        return self.variable.trainable

    def add_place(self, holder: tf_keras.layers.Layer, attribute: str) -> None:
        """Tells of another attribute that holds the same variable."""
        self._places.append((holder, attribute))

    def put(self, value) -> None:
        """Sets the attributes to `value`."""
        for holder, attribute in self._places:
            vars(holder)[attribute] = value


@contextlib.contextmanager
def replaced(values: list[tuple[HeldVariable, tf.Tensor]]) -> Iterator[None]:
    """While it is open, layers read the values; their variables are back afterwards."""
    try:
        for held, value in values:
            held.put(value)
        yield
    finally:
        for held, _ in values:
            held.put(held.variable)


def dtype_read(held: HeldVariable) -> tf.DType:
    """The type in which the layer's code reads the variable."""
    autocast = isinstance(held.variable, autocast_variable.AutoCastVariable)
    return tf.as_dtype(held.holder.compute_dtype if autocast else held.variable.dtype)


def held_variables(layer: tf_keras.layers.Layer) -> list[HeldVariable]:
    """The variables of a built layer or model, in the order of the attributes."""
    found: dict[int, HeldVariable] = {}
    for path, holder, name, variable in _walk(layer, "", set()):
        if id(variable) in found:
            found[id(variable)].add_place(holder, name)
        else:
            found[id(variable)] = HeldVariable(variable, path, holder)
    own = {id(variable) for variable in layer.weights}
    return [held for key, held in found.items() if key in own]


def put_at(layer: tf_keras.layers.Layer, path: str, value) -> None:
    """Sets the attribute at the path, whatever it holds now, to `value`."""
    *steps, name = path.split(".")
    holder = layer
    for step in steps:
        if isinstance(holder, list | tuple):
            holder = holder[int(step)]
        elif isinstance(holder, dict):
            holder = holder[step]
        else:
            holder = vars(holder)[step] if step in vars(holder) else holder.get_layer(step)
    vars(holder)[name] = value


def _walk(layer: tf_keras.layers.Layer, prefix: str, seen: set[int]):
    """(path, holder, attribute, variable) of every attribute that holds a variable."""
    seen.add(id(layer))
    for name, value in vars(layer).items():
        if isinstance(value, tf.Variable):
            yield f"{prefix}{name}", layer, name, value
        elif not name.startswith("_self_"):  # Keras' own lists of the same layers
            yield from _walk_parts(_layers_in(value, f"{prefix}{name}"), seen)
    if isinstance(layer, tf_keras.Model):
        yield from _walk_parts([(f"{prefix}{part.name}", part) for part in layer.layers], seen)


def _walk_parts(parts, seen: set[int]):
    for path, part in parts:
        if id(part) not in seen:
            yield from _walk(part, f"{path}.", seen)


def _layers_in(value, path: str):
    """The layers that an attribute is or contains, each with its path."""
    if isinstance(value, tf_keras.layers.Layer):
        yield path, value
    elif isinstance(value, _CONTAINERS):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in items:
            yield from _layers_in(part, f"{path}.{key}")
