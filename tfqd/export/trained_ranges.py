"""Ranges that activations are rounded to in a model's graph, and its answers without them."""

import itertools

import tensorflow as tf

from tfqd.compressed import Probes
from tfqd.export import probes as probing
from tfqd.export.origin import Origin
from tfqd.wrapping.activations import in_floats, quantized_activations

# Tolerance for the answers of a float form whose biases are rounded to the unit of integer kernels.
ROUNDED_BIASES = 1e-2
# That tolerance, relative to the product of a weight's step and an activation's, which biases are
# rounded to: ten times what small networks of 2 to 4 bits show.
_OF_STEPS = 4

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


def tolerance_in_floats(origin: Origin) -> float:
    """How far rounded biases may take the float form of a file from such answers."""
    weights = min((each.bits for each in origin.compressed.quantized.values()), default=8)
    layers = quantized_activations(origin.plain)
    activations = min((each.bits for each in layers if each.bits is not None), default=8)
    return max(ROUNDED_BIASES, _OF_STEPS * 2.0 ** -(weights + activations))
