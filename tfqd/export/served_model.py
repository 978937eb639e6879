"""A model as the TensorFlow object that a SavedModel is written from."""

import pathlib
from collections.abc import Mapping

import tensorflow as tf

from tfqd.compressed import CompressedModel, QuantizedTensor
from tfqd.export.decoding import DecodedWeights, Storage, can_share
from tfqd.export.origin import Origin
from tfqd.export.packing import pack_tensors
from tfqd.export.precision import lengthened
from tfqd.export.saved_module import save_module
from tfqd.wrapping import serving
from tfqd.wrapping.state import seeds_that_count, weights_moved

# What stayed float and is smaller becomes a part of the graph: that takes less
# room than a variable, and lets TensorFlow fold normalizations when it loads it.
_CONSTANT_BYTES = 2**16

# Decoding a variable needs as much memory again as its weights.
_WEIGHTS_TOGETHER = 2**26


class Weights(tf.Module):
    """All weights of a model, packed, float and small, as functions read them.

    Args:
        compressed: the model's weights.
        dtype: floating-point type to hold the quantized ones in.
    """

    def __init__(self, compressed: CompressedModel, dtype: tf.DType):
        super().__init__()
        quantized, rest = compressed.quantized, compressed.rest
        large = [path for path, array in rest.items() if array.nbytes > _CONSTANT_BYTES]
        self._constants = {path: rest[path] for path in rest if path not in large}
        self._float_paths = large
        self._floats = [tf.Variable(rest[path], trainable=False) for path in large]
        self._groups = _groups(quantized)
        packed = [pack_tensors(quantized[path] for path in paths) for paths in self._groups]
        self._storages = [Storage(tensors) for tensors in packed]
        self._decoded = [DecodedWeights(storage, dtype) for storage in self._storages]

    def read(self) -> dict[str, tf.Tensor]:
        """The weights by path."""
        values = {path: tf.constant(array) for path, array in self._constants.items()}
        for path, variable in zip(self._float_paths, self._floats, strict=True):
            values[path] = variable.read_value()
        for paths, decoded in zip(self._groups, self._decoded, strict=True):
            values.update(zip(paths, decoded.read(), strict=True))
        return values


class ServedModel(tf.Module):
    """A model's packed weights and the function that serves it.

    The Keras model is traced with tensors in place of its weights, so that
    none of these is in the SavedModel: of its own it has vocabularies, states and seeds alone.

    Args:
        origin: the model.
        dtype: floating-point type to hold the quantized weights in.
    """

    def __init__(self, origin: Origin, dtype: tf.DType):
        super().__init__()
        self.weights = Weights(origin.compressed, dtype)
        self.serve = _serving_function(origin, self.weights)
        self.resources = serving.resources_of(self.serve)

    def save(self, folder: pathlib.Path) -> None:
        """Writes the SavedModel, with ``serving_default`` and the function ``serve``."""
        save_module(self, str(folder))


def _groups(tensors: Mapping[str, QuantizedTensor]) -> list[list[str]]:
    """The paths of the tensors that are decoded into each variable."""
    groups = [[path] for path, tensor in tensors.items() if not can_share(tensor.size)]
    room = 0
    for path, tensor in tensors.items():
        if not can_share(tensor.size):
            continue
        if tensor.size > room:
            groups.append([])
            room = max(_WEIGHTS_TOGETHER, tensor.size)
        groups[-1].append(path)
        room -= tensor.size
    return groups


def _serving_function(origin: Origin, weights: Weights) -> tf.types.experimental.ConcreteFunction:
    model, signature = origin.plain, origin.signature

    def call():
        return signature.call(model, origin.probes.inputs)

    moved = [*weights_moved(model, call), *seeds_that_count(model, call)]

    @tf.function(autograph=False)
    def serve(**inputs):
        values = weights.read()
        ordered = [values[path] for path in origin.compressed.tensors]
        with serving.reading(model, ordered, moved):
            outputs = signature.call(model, inputs)
        return {name: tf.identity(lengthened(output)) for name, output in outputs.items()}

    return serve.get_concrete_function(**{spec.name: spec for spec in signature.inputs})
