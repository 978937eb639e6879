"""Layers that are many operators in a file, as graphs of these operators.

Attention and recurrent layers have no kernel of integers themselves, but what they are made
of has: products with weights, products of tensors, sums, sigmoids. Where each is a
layer of its own, activations are rounded between them as between any other layers.

attention       MultiHeadAttention
recurrent       LSTM and GRU, step by step
bidirectional   two of them, in both directions
products        the layers with weights in them
part            what they have in common
"""

from collections.abc import Callable
from typing import Any

from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.parts.attention import Attention
from tfqd.wrapping.parts.bidirectional import Bidirectional
from tfqd.wrapping.parts.part import Part
from tfqd.wrapping.parts.recurrent import RECURRENT
from tfqd.wrapping.protocols import Graphs

_PARTS: dict[str, type[Part]] = {
    **RECURRENT,
    "Bidirectional": Bidirectional,
    "MultiHeadAttention": Attention,
}


def in_parts(model: Any, graphs: Graphs) -> Any:
    """The same model in which operators take the place of attention and recurrent layers.

    Layers that do more than these operators stay: with masks, states that are kept or given away,
    dropout in steps, activations of their own, or without ``unroll=True``.

    Args:
        model: a built model; its layers are used again.
        graphs: those of its Keras version.

    Returns:
        A Functional model; the model itself where it has no such layer, or no graph.
    """
    layers = all_layers(model)
    kinds = {type(layer).__name__ for layer in layers}
    masks = "Masking" in kinds or any(getattr(layer, "mask_zero", False) for layer in layers)
    if masks or not kinds & _PARTS.keys():
        return model
    graph = graphs.graph_of(model)
    if not isinstance(graph, graphs.Functional):
        return model
    replacements: dict[int, Callable[..., Any]] = {}

    def call(operation, *args, **kwargs):
        if id(operation) not in replacements:
            replacements[id(operation)] = _replacement(operation, graphs)
        return replacements[id(operation)](*args, **kwargs)

    outputs = graphs.run_graph(graph, graph.inputs, call)
    return graphs.Functional(graph.input, outputs, name=model.name)


def _replacement(operation: Any, graphs: Graphs) -> Callable[..., Any]:
    """What is called in the stead of an operation of a graph."""
    if isinstance(operation, graphs.Model):
        return in_parts(operation, graphs)
    parts = _PARTS.get(type(operation).__name__)
    if parts is None or not parts.computes(operation.get_config()):
        return operation
    return parts(operation, operation.get_config(), graphs)
