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


def zero_inputs(model: tf_keras.Model) -> list[Any] | None:
    """The arguments of a call on one example of zeros, or a batch where its size is fixed.

    None where shapes are not known.
    """
    if getattr(model, "inputs", None) is None:
        return None
    specs = input_specs(model)
    if any(None in tuple(spec.shape)[1:] for spec in tf.nest.flatten(specs)):
        return None
    return [
        tf.nest.map_structure(lambda s: tf.zeros([s.shape[0] or 1, *s.shape[1:]], s.dtype), specs)
    ]
