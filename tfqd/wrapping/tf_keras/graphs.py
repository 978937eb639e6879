"""`tfqd.wrapping.protocols.Graphs` for tf_keras."""

from typing import Any

import tensorflow as tf
import tf_keras

from tfqd.wrapping.tf_keras.activations import QuantizedActivation as QuantizedActivation
from tfqd.wrapping.tf_keras.insides import Functional as Functional
from tfqd.wrapping.tf_keras.insides import rename as rename
from tfqd.wrapping.tf_keras.insides import run_graph as run_graph

Model, layers, activations = tf_keras.Model, tf_keras.layers, tf_keras.activations
matmul = tf.linalg.matmul

# What tf_keras makes a layer of when a function of TensorFlow, or an operator of
# Python, is called on the tensors of a graph.
_FUNCTIONS = {
    "__operators__.add": "Add",
    "__operators__.getitem": "GetItem",
    "linalg.matmul": "Matmul",
    "math.add": "Add",
    "math.subtract": "Subtract",
    "math.multiply": "Multiply",
    "nn.relu": "ReLU",
}


def graph_of(model: tf_keras.Model) -> tf_keras.Model:
    """The model: a Sequential one that is built is Functional."""
    return model


def tensors_in(structure: Any) -> list:
    """The tensors of a graph that are in a structure, such as the arguments of a call."""
    tensors = [each for each in tf.nest.flatten(structure) if tf.is_tensor(each)]
    return [each for each in tensors if tf_keras.backend.is_keras_tensor(each)]


def packed(structure: Any, tensors: list) -> Any:
    """Tensors in the structure in which others are."""
    return tf.nest.pack_sequence_as(structure, tensors)


def role_in_graph(operation: tf_keras.layers.Layer) -> tuple[str, dict[str, Any]]:
    """The class of layers that computes what a layer does, and its configuration."""
    kind, config = type(operation).__name__, operation.get_config()
    if kind not in ("TFOpLambda", "SlicingOpLambda"):
        return kind, config
    function = config["function"]
    return _FUNCTIONS.get(function, f"tf.{function}"), {}
