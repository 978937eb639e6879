"""What tf_keras does not promise to keep, and more than one file here uses."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from tfqd.wrapping.insides import check_attributes, insides_of

with insides_of(tf_keras):
    from tf_keras.src.engine.functional import Functional as Functional
    from tf_keras.src.mixed_precision import autocast_variable as autocast_variable
    from tf_keras.src.utils import losses_utils as losses_utils

_OF_LAYERS = (
    *("_call_spec", "_callable_losses", "_dedup_weights", "_flatten_layers"),
    *("_name", "_non_trainable_weights", "_trainable", "_trainable_weights"),
)
_OF_FUNCTIONAL_MODELS = (
    *("_nested_outputs", "_nodes_by_depth", "_output_layers", "_set_output_names"),
    "_tensor_usage_count",
)
_OF_TENSORS = ("_keras_history",)

check_attributes(tf_keras, tf_keras.layers.Layer(name="asked_by_tfqd"), _OF_LAYERS)
_input = tf_keras.Input((1,), name="asked_by_tfqd_too")
_graph = Functional(_input, _input, name="asked_by_tfqd_at_last")  # Not the first "model".
check_attributes(tf_keras, _graph, _OF_FUNCTIONAL_MODELS)
check_attributes(tf_keras, _input, _OF_TENSORS)


def own_weights(layer: tf_keras.layers.Layer) -> list[tf.Variable]:
    """The layer's own weights, not those of layers in it."""
    return [*layer._trainable_weights, *layer._non_trainable_weights]


def rename(layer: tf_keras.layers.Layer, name: str) -> None:
    """Gives a layer another name."""
    layer._name = name


def set_output_names(model: Functional) -> None:
    """Calls the outputs after the layers that they come from, as Functional models do."""
    Functional._set_output_names(model)


def run_graph(graph: tf_keras.Model, inputs: list, call: Callable[..., Any]) -> Any:
    """What a Functional model's graph gives for other inputs, with `call` in place of its calls.

    Args:
        graph: a Functional model, or a Sequential one that is built.
        inputs: tensors, one for each of its inputs.
        call: is given each layer, and what it is to be called on.
    """
    uses = graph._tensor_usage_count
    found: dict[str, list] = {}  # As many times as nodes take them away.
    for old, new in zip(graph.inputs, inputs, strict=True):
        found[str(id(old))] = [new] * uses[str(id(old))]
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if node.is_input:
                continue
            args, kwargs = node.map_arguments(found)
            outputs = tf.nest.flatten(call(node.layer, *args, **kwargs))
            for old, new in zip(node.flat_output_ids, outputs, strict=True):
                found[old] = [new] * uses[old]
    outputs = [found[str(id(each))].pop() for each in graph.outputs]
    return tf.nest.pack_sequence_as(graph._nested_outputs, outputs)


def arguments_in(graph: tf_keras.Model) -> list[tuple[str, Any]]:
    """What a Functional model's calls are given, each with the name of the layer called."""
    nodes = [node for nodes in graph._nodes_by_depth.values() for node in nodes]
    return [
        (node.layer.name, argument)
        for node in nodes
        for argument in tf.nest.flatten((node.call_args, node.call_kwargs))
    ]


def is_finding_shapes() -> bool:
    """Whether tf_keras calls a layer only to see the shapes and dtypes of what it gives."""
    if tf.executing_eagerly():
        return False
    return str(tf.compat.v1.get_default_graph().name).endswith("_scratch_graph")
