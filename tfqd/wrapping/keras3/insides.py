"""What Keras 3 does not promise to keep, and more than one file here uses.

Importing it asks for all that tfqd's layers and models need of this version.
"""

from collections.abc import Callable
from typing import Any

import keras

from tfqd.wrapping.insides import check_attributes, insides_of

with insides_of(keras):
    from keras.src.backend.common.masking import get_keras_mask as get_keras_mask
    from keras.src.backend.common.stateless_scope import in_stateless_scope as in_stateless_scope
    from keras.src.backend.common.variables import AutocastScope as AutocastScope
    from keras.src.export.export_utils import (
        _infer_input_signature_from_model as _infer_input_signature_from_model,
    )
    from keras.src.export.export_utils import make_tf_tensor_spec as make_tf_tensor_spec
    from keras.src.losses.loss import scale_loss_for_distribution as scale_loss_for_distribution
    from keras.src.losses.loss import unscale_loss_for_distribution as unscale_loss_for_distribution
    from keras.src.models.functional import Functional as Functional
    from keras.src.saving.serialization_lib import ObjectSharingScope as ObjectSharingScope
    from keras.src.saving.serialization_lib import SafeModeScope as SafeModeScope

_OF_LAYERS = (
    *("_allow_non_tensor_positional_args", "_call_context_args", "_call_has_mask_arg"),
    *("_call_has_training_arg", "_call_signature", "_flatten_layers", "_layers", "_lock_state"),
    *(
        "_maybe_build",
        "_metrics",
        "_non_trainable_variables",
        "_open_name_scope",
        "_seed_generators",
    ),
    *("_track_trackable", "_trainable", "_trainable_variables"),
)
_OF_MODELS = ("_aggregate_additional_loss", "_default_save_signature")
_OF_VARIABLES = ("_direct_assign",)
_OF_FUNCTIONAL_MODELS = ("_nodes_by_depth", "_run_through_graph")
_OF_OPERATIONS = ("_inbound_nodes",)
_OF_TENSORS = ("_keras_history",)

check_attributes(keras, keras.layers.Layer(name="asked_by_tfqd"), _OF_LAYERS)
check_attributes(keras, keras.Model, _OF_MODELS)
check_attributes(keras, keras.Variable, _OF_VARIABLES)
_input = keras.Input((1,), name="asked_by_tfqd_too")
_output = keras.layers.Identity(name="asked_by_tfqd_last")(_input)
# With a name, so that a user's first model is still called "functional".
_graph = Functional(_input, _output, name="asked_by_tfqd_at_last")
check_attributes(keras, _graph, _OF_FUNCTIONAL_MODELS)
check_attributes(keras, _graph, _OF_OPERATIONS)
check_attributes(keras, _output, _OF_TENSORS)


def graph_of(model: keras.Model) -> keras.Model:
    """The Functional model that a Sequential one runs, once it is built; else the model."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    return model if graph is None else graph


def run_graph(graph: keras.Model, inputs: list, call: Callable[..., Any]) -> Any:
    """What a Functional model's graph gives for other inputs, with `call` in place of its calls.

    Args:
        graph: a Functional model.
        inputs: tensors, one for each of its inputs.
        call: is given each operation, and what it is to be called on.
    """
    return graph._run_through_graph(inputs, operation_fn=lambda operation: operation, call_fn=call)


def calls_in(graph: keras.Model) -> list[tuple[keras.Operation, tuple, dict[str, Any]]]:
    """What a Functional model calls, and what each is called on."""
    nodes = [node for nodes in graph._nodes_by_depth.values() for node in nodes]
    return [(node.operation, node.arguments.args, node.arguments.kwargs) for node in nodes]


def arguments_in(graph: keras.Model) -> list[tuple[str, Any]]:
    """What a Functional model's calls are given, each with the name of what is called."""
    return [
        (operation.name, argument)
        for operation, *arguments in calls_in(graph)
        for argument in keras.tree.flatten(arguments)
    ]


def calls_of(operation: keras.Operation) -> list[tuple[tuple, dict[str, Any]]]:
    """What an operation or layer was called on, each time."""
    nodes = operation._inbound_nodes
    return [(node.arguments.args, node.arguments.kwargs) for node in nodes]


def made_trainable(layer: keras.layers.Layer) -> list[keras.Variable]:
    """The layer's own variables, not those of layers in it, that were made to be trained."""
    return list(layer._trainable_variables)


def own_variables(layer: keras.layers.Layer) -> list[keras.Variable]:
    """The layer's own variables, not those of layers in it."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def seed_generators(layer: keras.layers.Layer) -> list[keras.random.SeedGenerator]:
    """The layer's own random state, not that of layers in it."""
    return list(layer._seed_generators)


def set_own_trainable(layer: keras.layers.Layer, trainable: bool) -> None:
    """Sets the layer's flag alone, not those of layers in it and of its variables.

    Keras takes no notice of an assignment of what `trainable` says already.
    """
    layer._trainable = trainable


def set_path(variable: keras.Variable, path: str) -> None:
    """Gives a variable the name that the user knows it by."""
    variable._path = path
