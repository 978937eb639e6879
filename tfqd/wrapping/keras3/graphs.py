"""`tfqd.wrapping.protocols.Graphs` for Keras 3."""

from typing import Any

import keras

from tfqd.wrapping.keras3.activations import QuantizedActivation as QuantizedActivation
from tfqd.wrapping.keras3.insides import Functional as Functional
from tfqd.wrapping.keras3.insides import graph_of as known_graph_of
from tfqd.wrapping.keras3.insides import run_graph as run_graph
from tfqd.wrapping.keras3.tracing import traced

# What layers compute as well as these operations do.
_OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "Relu": ("ReLU", {}),
    "Relu6": ("ReLU", {"max_value": 6}),
    "Sigmoid": ("Activation", {"activation": "sigmoid"}),
    "Tanh": ("Activation", {"activation": "tanh"}),
}

Model, layers, activations = keras.Model, keras.layers, keras.activations
matmul = keras.ops.matmul


def graph_of(model: keras.Model) -> keras.Model:
    """The Functional model that computes what a model does, with its layers.

    Raises:
        ValueError: for a subclassed model whose call does not tell.
    """
    graph = known_graph_of(model)
    return graph if isinstance(graph, Functional) else traced(graph)


def tensors_in(structure: Any) -> list:
    """The tensors of a graph that are in a structure, such as the arguments of a call."""
    return [each for each in keras.tree.flatten(structure) if keras.utils.is_keras_tensor(each)]


def packed(structure: Any, tensors: list) -> Any:
    """Tensors in the structure in which others are."""
    return keras.tree.pack_sequence_as(structure, tensors)


def role_in_graph(operation: keras.Operation) -> tuple[str, dict[str, Any]]:
    """The class of layers that computes what an operation does, and its configuration."""
    kind = type(operation).__name__
    if isinstance(operation, keras.layers.Layer):
        return kind, operation.get_config()
    if kind == "Softmax":
        return kind, {"axis": operation.axis}
    return _OPERATIONS.get(kind, (kind, {}))


def rename(operation: keras.Operation, name: str) -> None:
    """Gives an operation another name."""
    operation.name = name
