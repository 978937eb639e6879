"""Variables that a layer makes not when it is built but in its first call.

tf_keras' attention layers do. The quantizers of such variables would come too
late for what reloads a model: a SavedModel's variables are put into layers that
were built from their configuration and shape alone. So the specs of the first
call's tensors are kept, and a layer is traced on them when it is built again.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras


def specs_of(arguments: Mapping[str, Any]) -> dict[str, tf.TensorSpec]:
    """The specs of those arguments that are tensors, by name."""
    return {
        name: tf.TensorSpec(value.shape, value.dtype)
        for name, value in arguments.items()
        if tf.is_tensor(value)
    }


def make_variables(
    layer: tf_keras.layers.Layer, specs: Mapping[str, tf.TensorSpec], others: Mapping[str, Any]
) -> None:
    """Traces a call of the layer, which makes its variables and runs nothing.

    Args:
        layer: the layer.
        specs: of its call's tensors, by argument.
        others: its call's other arguments.
    """

    @tf.function
    def call(tensors):
        return layer(**tensors, **others)

    with tf.init_scope():
        call.get_concrete_function(dict(specs))


def to_config(specs: Mapping[str, tf.TensorSpec]) -> dict[str, list]:
    """The specs as JSON values."""
    return {name: [spec.shape.as_list(), spec.dtype.name] for name, spec in specs.items()}


def from_config(config: Mapping[str, list]) -> dict[str, tf.TensorSpec]:
    """The specs that `to_config` wrote."""
    return {name: tf.TensorSpec(*values) for name, values in config.items()}
