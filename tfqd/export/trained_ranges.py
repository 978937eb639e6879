"""Ranges that activations are rounded to in a model's graph, and its answers without them."""

import itertools

import tensorflow as tf

from tfqd.compressed import Probes
from tfqd.export import probes as probing
from tfqd.export.origin import Origin
from tfqd.wrapping.activations import in_floats

_ROUNDING = "FakeQuantWithMinMaxVars"


def has_trained_ranges(function: tf.types.experimental.ConcreteFunction) -> bool:
    """Whether a graph, or a function in it, rounds activations."""
    definition = function.graph.as_graph_def()
    nodes = itertools.chain(
        definition.node, *(inner.node_def for inner in definition.library.function)
    )
    return any(node.op.startswith(_ROUNDING) for node in nodes)


def asked_in_floats(origin: Origin) -> Probes | None:
    """The same probes answered by the model while it rounds no activations.

    That is what the float form of its TFLite file computes.

    Returns:
        None for a model that rounds by other layers than tfqd's, as one with tfmot's does.
    """
    model, signature, inputs = origin.plain, origin.signature, origin.probes.inputs
    specs = {
        spec.name: tf.TensorSpec(inputs[spec.name].shape, spec.dtype) for spec in signature.inputs
    }
    call = tf.function(lambda arrays: signature.call(model, arrays), autograph=False)
    with in_floats(model):
        if has_trained_ranges(call.get_concrete_function(specs)):
            return None
        return probing.ask(model, signature, inputs)
