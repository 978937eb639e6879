"""The real first and last weighted layers of a model, read off its dataflow.

The model is traced once with its chosen variables as inputs. A layer is first
when no other weighted layer feeds it, last when it feeds no other; a model with
several inputs or heads has several. So nested, shared and subclassed models
need no special case, and the order in which layers were listed means nothing.
"""

import keras
import tensorflow as tf

from tfqd.quantizers import Quantizer, quantizer_for
from tfqd.spec import Spec
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
    feeds = _layers_fed(model, kernels)
    layers = {id(entry.layer): entry.layer for entry in kernels}
    fed = set().union(*feeds.values())
    return [layer for key, layer in layers.items() if key not in fed or not feeds[key]]


def _layers_fed(model, kernels) -> dict[int, set[int]]:
    """For each layer's id, the ids of the other weighted layers it feeds."""
    graph, tensors = _trace(model, [entry.variable for entry in kernels])
    readers = _readers(graph)
    consumers: dict[int, set] = {}
    for entry, tensor in zip(kernels, tensors, strict=True):
        consumers.setdefault(id(entry.layer), set()).update(_first_uses(tensor, readers))
    feeds = {}
    for layer, operations in consumers.items():
        downstream = _downstream(operations, readers)
        feeds[layer] = {
            other
            for other, its in consumers.items()
            if other != layer and (its - operations) and (its & downstream)
        }
    return feeds


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


def _readers(graph) -> dict:
    readers: dict = {}
    for operation in graph.get_operations():
        for tensor in operation.inputs:
            readers.setdefault(tensor.op, []).append(operation)
    return readers


_MOVES = {"Cast", "Identity", "Reshape", "Transpose", "ExpandDims", "Squeeze", "StridedSlice"}


def _first_uses(tensor, readers) -> set:
    """The operations that combine a weight with something else."""
    uses, open_operations = set(), [tensor.op]
    while open_operations:
        for reader in readers.get(open_operations.pop(), []):
            (open_operations.append if reader.type in _MOVES else uses.add)(reader)
    return uses


def _downstream(operations, readers) -> set:
    """Everything that reads the operations' results, however far."""
    reached, open_operations = set(), list(operations)
    while open_operations:
        for reader in readers.get(open_operations.pop(), []):
            if reader not in reached:
                reached.add(reader)
                open_operations.append(reader)
    return reached
