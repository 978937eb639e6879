"""Which weighted layers are a model's first and last, read off its graph.

A layer is first when no other weighted layer feeds it, last when it feeds no
other; a model with several inputs or heads has several. So nested, shared and
subclassed models need no special case, and the order in which layers were
listed means nothing.
"""

from collections.abc import Sequence
from typing import TypeVar

import tensorflow as tf

Layer = TypeVar("Layer")


def first_last_layers(graph: tf.Graph, kernels: Sequence[tuple[tf.Tensor, Layer]]) -> list[Layer]:
    """The first and the last layers that have a kernel, each once.

    Args:
        graph: a model's inference, with its kernels as tensors fed into it.
        kernels: these tensors and the layers that own them.
    """
    feeds = _layers_fed(graph, kernels)
    layers = {id(layer): layer for _, layer in kernels}
    fed = set().union(*feeds.values())
    return [layer for key, layer in layers.items() if key not in fed or not feeds[key]]


def _layers_fed(graph, kernels) -> dict[int, set[int]]:
    """For each layer's id, the ids of the other weighted layers it feeds."""
    readers = _readers(graph)
    consumers: dict[int, set] = {}
    for tensor, layer in kernels:
        consumers.setdefault(id(layer), set()).update(_first_uses(tensor, readers))
    feeds = {}
    for layer, operations in consumers.items():
        downstream = _downstream(operations, readers)
        feeds[layer] = {
            other
            for other, its in consumers.items()
            if other != layer and (its - operations) and (its & downstream)
        }
    return feeds


def _readers(graph) -> dict:
    readers: dict = {}
    for operation in graph.get_operations():
        for tensor in operation.inputs:
            readers.setdefault(tensor.op, []).append(operation)
    return readers


_MOVES = {"Cast", "Identity", "Reshape", "Transpose", "ExpandDims", "Squeeze", "StridedSlice"}


def _first_uses(tensor, readers) -> set:
    """The operations that combine a weight with something else."""
    uses: set = set()
    open_operations = [tensor.op]
    while open_operations:
        for reader in readers.get(open_operations.pop(), []):
            (open_operations.append if reader.type in _MOVES else uses.add)(reader)
    return uses


def _downstream(operations, readers) -> set:
    """Everything that reads the operations' results, however far."""
    reached, open_operations = set(), list(operations)
    while open_operations:
        for reader in readers.get(open_operations.pop(), []):
            if reader not in reached:
                reached.add(reader)
                open_operations.append(reader)
    return reached
