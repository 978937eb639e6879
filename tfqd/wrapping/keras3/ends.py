"""The real first and last weighted layers of a model.

The model is traced once with its chosen variables as inputs; `tfqd.wrapping.dataflow`
reads the graph.
"""

import keras
import tensorflow as tf

from tfqd.quantizers import Quantizer, quantizer_for
from tfqd.spec import Spec
from tfqd.wrapping import dataflow
from tfqd.wrapping.keras3.candidates import owned_variables
from tfqd.wrapping.keras3.signature import input_specs
from tfqd.wrapping.variables import channel_axes

Chosen = list[tuple[keras.Variable, Quantizer]]


def select_ends(model: keras.Model, chosen: Chosen, spec: Spec | None) -> Chosen:
    """`chosen` with another spec, or none, for the first and last layers.

    Args:
        model: a built model.
        chosen: the variables to be quantized, with their quantizers.
        spec: the spec of the end layers' kernels; None leaves all of the end
            layers' weights float.

    Raises:
        TypeError: when `spec` is neither a spec nor None.
        ValueError: when nothing would be quantized.
    """
    if spec is not None and not isinstance(spec, Spec):
        raise TypeError(f'first_last must be "same", None or a tfqd spec; got {spec!r}')
    owners = {id(v): layer for v, layer in owned_variables(model)}
    ends = {id(layer) for layer in end_layers(model)}
    result = []
    for variable, quantizer in chosen:
        if id(owners[id(variable)]) not in ends:
            result.append((variable, quantizer))
        elif spec is not None:
            axes = channel_axes(owners[id(variable)], variable.name, len(variable.shape))
            result.append((variable, quantizer_for(spec, axes)))
    if not result:
        raise ValueError(
            f"model {model.name!r} has no weighted layer but its first and last, which "
            "first_last=None leaves float: nothing would be quantized"
        )
    return result


def end_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The first and the last layers that have a kernel, each once."""
    kernels = [entry for entry in owned_variables(model) if entry.is_kernel]
    graph, tensors = _trace(model, [entry.variable for entry in kernels])
    layers = [entry.layer for entry in kernels]
    return dataflow.end_layers(graph, list(zip(tensors, layers, strict=True)))


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
