"""`tfqd.wrapping.protocols.Serving` for Keras 3."""

import contextlib
import pathlib
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfqd.wrapping.keras3.signature import zero_inputs as zero_inputs


def input_names(model: keras.Model) -> list[str]:
    """The names of the layers that a graph's inputs come from, in their order."""
    layers = {
        id(layer.output): layer.name
        for layer in model.layers
        if isinstance(layer, keras.layers.InputLayer)
    }
    return [layers[id(x)] for x in keras.tree.flatten(model.input)]


@contextlib.contextmanager
def reading(model: keras.Model, values: Sequence[tf.Tensor]) -> Iterator[None]:
    """See `tfqd.wrapping.serving.reading`."""
    # Added rather than handed to the constructor, which would cast each value to
    # its variable's type: weights of short types stay short.
    scope = keras.StatelessScope(initialize_variables=False)
    for variable, value in zip(model.weights, values, strict=True):
        scope.add_update((variable, value))
    for variable, value in _seeds(model):
        scope.add_update((variable, tf.constant(value)))
    with scope:
        yield


def own_variables(model: keras.Model) -> list[tf.Variable]:
    """None: every variable of Keras 3 is read through the scope of `reading`."""
    return []


def load_keras_file(path: pathlib.Path) -> keras.Model:
    """The model in a ``.keras`` or ``.h5`` file, not compiled, of Keras 3."""
    return keras.saving.load_model(path, compile=False)


def _seeds(model: keras.Model) -> list[tuple[keras.Variable, np.ndarray]]:
    """The variables that are no weights, which inference draws nothing from."""
    weights = {id(variable) for variable in model.weights}
    with tf.init_scope():  # the call may be under way of being traced
        return [(v, v.numpy()) for v in model.variables if id(v) not in weights]
