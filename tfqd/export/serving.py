"""A model as the TensorFlow object that a SavedModel is written from."""

import pathlib
from collections.abc import Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from tfqd.compressed import CompressedModel, QuantizedTensor
from tfqd.export.decoding import DecodedWeights, Storage
from tfqd.export.origin import Origin
from tfqd.export.packing import pack_tensors

# What stayed float and is smaller becomes a part of the graph: that takes less
# room than a variable, and lets TensorFlow fold normalizations when it loads it.
_CONSTANT_BYTES = 2**16

# Decoding a resource needs as much memory again as its weights.
_WEIGHTS_TOGETHER = 2**26


class ServedModel(tf.Module):
    """A model's packed weights and the function that serves it.

    The Keras model is traced with tensors in place of its variables, so that
    none of them is in the SavedModel.

    Args:
        origin: the model.
        dtype: floating-point type to hold the quantized weights in.
    """

    def __init__(self, origin: Origin, dtype: tf.DType):
        super().__init__()
        compressed = origin.compressed
        groups = _groups(compressed.quantized.values())
        self.storages = [Storage(pack_tensors(tensors)) for tensors in groups]
        self.decoded = [DecodedWeights(storage, dtype) for storage in self.storages]
        self.floats = [
            tf.Variable(array, trainable=False)
            for array in compressed.rest.values()
            if array.nbytes > _CONSTANT_BYTES
        ]
        self.serve = _serving_function(origin, self.decoded, self.floats)

    def save(self, folder: pathlib.Path) -> None:
        """Writes the SavedModel, with ``serving_default`` and the function ``serve``."""
        # Custom gradients would be kept as functions of their own; nobody trains this file.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(self, str(folder), signatures=self.serve, options=options)


def _groups(tensors: Iterable[QuantizedTensor]) -> Iterator[list[QuantizedTensor]]:
    """The tensors in order, in as few groups as memory allows."""
    group: list[QuantizedTensor] = []
    weights = 0
    for tensor in tensors:
        if group and weights + tensor.size > _WEIGHTS_TOGETHER:
            yield group
            group, weights = [], 0
        group.append(tensor)
        weights += tensor.size
    if group:
        yield group


def _serving_function(
    origin: Origin, decoded: list[DecodedWeights], floats: list[tf.Variable]
) -> tf.types.experimental.ConcreteFunction:
    model, signature = origin.plain, origin.signature
    seeds = _seeds(model)

    @tf.function(autograph=False)
    def serve(**inputs):
        # Added rather than handed to the constructor, which would cast each
        # value to its variable's type: weights of short types stay short.
        scope = keras.StatelessScope(initialize_variables=False)
        values = _values(origin.compressed, decoded, floats)
        for variable, value in zip(model.weights, values, strict=True):
            scope.add_update((variable, value))
        for variable, value in seeds:
            scope.add_update((variable, tf.constant(value)))
        with scope:
            outputs = signature.call(model, inputs)
        return {name: _widened(output) for name, output in outputs.items()}

    return serve.get_concrete_function(**{spec.name: spec for spec in signature.inputs})


def _values(compressed: CompressedModel, decoded, floats) -> Iterator[tf.Tensor]:
    """The tensors of all weights, in the model's order."""
    quantized = (weight for resource in decoded for weight in resource.read())
    variables = iter(floats)
    for tensor in compressed.tensors.values():
        if isinstance(tensor, QuantizedTensor):
            yield next(quantized)
        elif tensor.nbytes > _CONSTANT_BYTES:
            yield next(variables).read_value()
        else:
            yield tf.constant(tensor)


def _seeds(model: keras.Model) -> list[tuple[keras.Variable, np.ndarray]]:
    """The variables that are no weights, which inference draws nothing from."""
    weights = {id(variable) for variable in model.weights}
    return [(v, v.numpy()) for v in model.variables if id(v) not in weights]


def _widened(output: tf.Tensor) -> tf.Tensor:
    short = output.dtype in (tf.float16, tf.bfloat16)
    return tf.identity(tf.cast(output, tf.float32) if short else output)
