"""`tfqd.wrapping.protocols.Serving` for tf_keras."""

import contextlib
import pathlib
from collections.abc import Collection, Sequence

import tensorflow as tf
import tf_keras

from tfqd.wrapping.tf_keras.attributes import dtype_read, held_variables, replaced
from tfqd.wrapping.tf_keras.scope import quantize_scope
from tfqd.wrapping.tf_keras.signature import zero_inputs as zero_inputs


def input_names(model: tf_keras.Model) -> list[str]:
    """The names of the layers that a graph's inputs come from, in their order."""
    return model.input_names


def reading(
    model: tf_keras.Model, values: Sequence[tuple[tf.Variable, tf.Tensor]], moved: Collection
) -> contextlib.AbstractContextManager[None]:
    """While it is open, the model computes with the values in place of the variables.

    Those of tfmot's activation quantizers, which no attribute holds, stay what they are, and so do
    random generators.
    """
    held = {id(each.variable): each for each in held_variables(model)}
    pairs = [(held[id(each)], value) for each, value in values if id(each) in held]
    return replaced([(place, tf.cast(value, dtype_read(place))) for place, value in pairs])


def load_keras_file(path: pathlib.Path) -> tf_keras.Model:
    """The model in a ``.keras`` or ``.h5`` file, not compiled, of tf_keras."""
    with quantize_scope():
        return tf_keras.models.load_model(path, compile=False)
