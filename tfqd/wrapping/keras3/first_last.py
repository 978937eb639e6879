"""The real first and last weighted layers of a model.

The model is traced once with its chosen variables as inputs; `tfqd.wrapping.dataflow`
reads the graph.
"""

import keras
import tensorflow as tf

from tfqd.quantizers import Quantizer, quantizer_for
from tfqd.spec.selection import SpecLike
from tfqd.wrapping import dataflow
from tfqd.wrapping.first_last import specs_with_first_last
from tfqd.wrapping.keras3.candidates import owned_variables
from tfqd.wrapping.keras3.signature import input_specs

Chosen = list[tuple[keras.Variable, Quantizer]]


def with_first_last(model: keras.Model, chosen: Chosen, first_last: SpecLike | None) -> Chosen:
    """`chosen` with another spec, or none, for the first and last layers.

    Args:
        model: a built model.
        chosen: the variables to be quantized, with their quantizers.
        first_last: as in `tfqd.quantize_model`.

    Raises:
        TypeError, ValueError: see `tfqd.wrapping.first_last.specs_with_first_last`.
    """
    owners = {id(variable): layer for variable, layer in owned_variables(model)}
    owned = [(owners[id(variable)], quantizer.spec) for variable, quantizer in chosen]
    specs = specs_with_first_last(model, owned, first_last, first_last_layers)
    return [
        (variable, quantizer_for(spec, quantizer.channel_axes))
        for (variable, quantizer), spec in zip(chosen, specs, strict=True)
        if spec is not None
    ]


def first_last_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The first and the last layers that have a kernel, each once."""
    kernels = [entry for entry in owned_variables(model) if entry.is_kernel]
    graph, tensors = _trace(model, [entry.variable for entry in kernels])
    layers = [entry.layer for entry in kernels]
    return dataflow.first_last_layers(graph, list(zip(tensors, layers, strict=True)))


def _trace(model, variables):
    """The model's inference graph, with the variables as tensors fed into it."""
    signature = input_specs(model)

    @tf.function
    def run(inputs, values):
        with keras.StatelessScope(list(zip(variables, values, strict=True))):
            return model(*inputs, training=False)

    specs = [tf.TensorSpec(variable.shape, variable.dtype) for variable in variables]
    graph = run.get_concrete_function(signature, specs).graph
    first = len(tf.nest.flatten(signature))
    return graph, graph.inputs[first : first + len(variables)]
