"""The whole network of a pruned tf_keras model."""

import tensorflow as tf
import tf_keras

from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.tf_keras.attributes import dtype_read, held_variables, replaced
from tfqd.wrapping.tf_keras.stripping import plain_copy
from tfqd.wrapping.tf_keras.variable import as_stored, variables_of
from tfqd.wrapping.unpruned import Unpruned


class UnprunedModel(Unpruned, tf_keras.Model):
    """See `tfqd.unpruned`.

    Args:
        student: a quantized model.
    """

    def __init__(self, student: tf_keras.Model):
        super().__init__(name=f"unpruned_{student.name}")
        copy = plain_copy(student)
        self.network = copy.model
        self.inputs, self.input_names = copy.model.inputs, copy.model.input_names
        entries = {id(entry.variable): entry for entry in find_quantized(student)}
        origins = [(each, id(copy.origin(each))) for each in variables_of(copy.model)]
        self._share([(each, entries[origin]) for each, origin in origins if origin in entries])
        self.built = True

    def call(self, inputs, training=None):
        held = {id(each.variable): each for each in held_variables(self.network)}
        with as_stored():
            values = [(held[id(each)], value) for each, value in self._values()]
        with replaced([(place, tf.cast(value, dtype_read(place))) for place, value in values]):
            return self.network(inputs, training=training)


def unpruned(student: tf_keras.Model) -> UnprunedModel:
    """See `tfqd.unpruned`; of a student whose pruned weights are not known, they are 0."""
    return UnprunedModel(student)
