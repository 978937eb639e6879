"""`tfqd.wrapping.protocols.Serving` for tf_keras."""

import contextlib
import pathlib
from collections.abc import Sequence

import tensorflow as tf
import tf_keras

from tfqd.wrapping.tf_keras.attributes import HeldVariable, dtype_read, held_variables, replaced
from tfqd.wrapping.tf_keras.scope import quantize_scope
from tfqd.wrapping.tf_keras.signature import zero_inputs as zero_inputs


def input_names(model: tf_keras.Model) -> list[str]:
    """The names of the layers that a graph's inputs come from, in their order."""
    return model.input_names


def reading(
    model: tf_keras.Model, values: Sequence[tf.Tensor]
) -> contextlib.AbstractContextManager[None]:
    """See `tfqd.wrapping.serving.reading`."""
    held = _held(model)
    pairs = [
        (held[id(variable)], value)
        for variable, value in zip(model.weights, values, strict=True)
        if id(variable) in held
    ]
    return replaced([(place, tf.cast(value, dtype_read(place))) for place, value in pairs])


def own_variables(model: tf_keras.Model) -> list[tf.Variable]:
    """See `tfqd.wrapping.serving.own_variables`."""
    held = _held(model)
    return [variable for variable in model.weights if id(variable) not in held]


def load_keras_file(path: pathlib.Path) -> tf_keras.Model:
    """The model in a ``.keras`` or ``.h5`` file, not compiled, of tf_keras."""
    with quantize_scope():
        return tf_keras.models.load_model(path, compile=False)


def _held(model: tf_keras.Model) -> dict[int, HeldVariable]:
    return {id(each.variable): each for each in held_variables(model)}
