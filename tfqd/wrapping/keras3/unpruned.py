"""The whole network of a pruned Keras 3 model."""

import keras
import tensorflow as tf

from tfqd.wrapping.keras3.insides import AutocastScope
from tfqd.wrapping.keras3.seeds import KeepsSeeds
from tfqd.wrapping.keras3.stripping import float_copy, plain_weights
from tfqd.wrapping.keras3.substitution import SubstitutionScope, find_quantized
from tfqd.wrapping.unpruned import Unpruned


class UnprunedModel(Unpruned, KeepsSeeds, keras.Model):
    """See `tfqd.unpruned`.

    Args:
        student: a quantized model.
    """

    def __init__(self, student: keras.Model):
        network = float_copy(student)
        super().__init__(
            name=f"unpruned_{student.name}", autocast=False, dtype=network.dtype_policy
        )
        self.network = network
        entries = {id(entry.variable): entry for entry in find_quantized(student)}
        weights = zip(network.weights, plain_weights(student), strict=True)
        self._share([(ours, entries[id(old)]) for ours, old in weights if id(old) in entries])
        self.built = True

    @property
    def _inner(self) -> keras.Model:
        """What it runs, by the name that quantized models have for it."""
        return self.network

    def call(self, inputs, training=None):
        with AutocastScope(None):
            values = [(each, tf.cast(value, each.dtype)) for each, value in self._values()]
        scope = SubstitutionScope(values)
        with scope:
            outputs = self.network(inputs, training=training)
        if scope.original_scope is None:
            for loss in scope.losses:
                self.add_loss(loss)
        return outputs


def unpruned(student: keras.Model) -> UnprunedModel:
    """See `tfqd.unpruned`; of a student whose pruned weights are not known, they are 0."""
    return UnprunedModel(student)
