"""What a tf_keras model is called on."""

from typing import Any

import tensorflow as tf
import tf_keras


def input_specs(model: tf_keras.Model) -> Any:
    """A ``tf.TensorSpec`` for each input, in the structure in which the model takes them.

    Each has the name of its Input layer.
    """
    names = {id(tensor): name for tensor, name in zip(model.inputs, model.input_names, strict=True)}
    return tf.nest.map_structure(
        lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype, names[id(tensor)]), model.input
    )
