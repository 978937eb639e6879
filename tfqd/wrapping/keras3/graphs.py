"""`tfqd.wrapping.placing.Graphs` for Keras 3."""

from typing import Any

import keras

from tfqd.wrapping.keras3.activations import QuantizedActivation as QuantizedActivation
from tfqd.wrapping.keras3.insides import Functional as Functional
from tfqd.wrapping.keras3.insides import graph_of as graph_of
from tfqd.wrapping.keras3.insides import run_graph as run_graph

Model, layers, activations = keras.Model, keras.layers, keras.activations


def tensors_in(structure: Any) -> list:
    """The tensors of a graph that are in a structure, such as the arguments of a call."""
    return [each for each in keras.tree.flatten(structure) if keras.utils.is_keras_tensor(each)]


def packed(structure: Any, tensors: list) -> Any:
    """Tensors in the structure in which others are."""
    return keras.tree.pack_sequence_as(structure, tensors)


def role_in_graph(operation: keras.Operation) -> tuple[str, dict[str, Any]]:
    """The class of layers that computes what an operation does, and its configuration."""
    is_layer = isinstance(operation, keras.layers.Layer)
    return type(operation).__name__, operation.get_config() if is_layer else {}


def rename(operation: keras.Operation, name: str) -> None:
    """Gives an operation another name."""
    operation.name = name
