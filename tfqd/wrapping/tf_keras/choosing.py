"""Which variables of a tf_keras model are quantized, its first and last layers' apart."""

import tensorflow as tf
import tf_keras

from tfqd.spec import Spec
from tfqd.spec.selection import Selection
from tfqd.wrapping import dataflow
from tfqd.wrapping.tf_keras.attributes import replaced
from tfqd.wrapping.tf_keras.candidates import OwnedVariable, choose_specs, owned_variables
from tfqd.wrapping.tf_keras.config import QuantizeConfig
from tfqd.wrapping.tf_keras.signature import input_specs

Chosen = list[tuple[OwnedVariable, Spec]]


def choose(model: tf_keras.Model, selection: Selection, first_last: Spec | str | None) -> Chosen:
    """The variables of a built model that are quantized, with their specs.

    The arguments are those of `tfqd.quantize_model`.
    """
    chosen = choose_specs(model, selection)
    return chosen if first_last == "same" else select_ends(model, chosen, first_last)


def configs_of(chosen: Chosen) -> dict[int, QuantizeConfig]:
    """The config of each layer that has one of the variables, by the layer's id."""
    specs: dict[int, dict[str, Spec]] = {}
    for entry, spec in chosen:
        specs.setdefault(id(entry.layer), {})[entry.held.path] = spec
    return {layer: QuantizeConfig(of_layer) for layer, of_layer in specs.items()}


def select_ends(model: tf_keras.Model, chosen: Chosen, spec: Spec | None) -> Chosen:
    """`chosen` with another spec, or none, for the first and last layers.

    Args:
        model: a built Sequential or Functional model.
        chosen: the variables to be quantized, with their specs.
        spec: the spec of the end layers' weights; None leaves them float.

    Raises:
        TypeError: when `spec` is neither a spec nor None.
        ValueError: when nothing would be quantized.
    """
    if spec is not None and not isinstance(spec, Spec):
        raise TypeError(f'first_last must be "same", None or a tfqd spec; got {spec!r}')
    ends = {id(layer) for layer in end_layers(model)}
    result = [
        (entry, spec if id(entry.held.holder) in ends else own)
        for entry, own in chosen
        if spec is not None or id(entry.held.holder) not in ends
    ]
    if not result:
        raise ValueError(
            f"model {model.name!r} has no weighted layer but its first and last, which "
            "first_last=None leaves float: nothing would be quantized"
        )
    return result


def end_layers(model: tf_keras.Model) -> list[tf_keras.layers.Layer]:
    """The first and the last layers that have a kernel, each once."""
    kernels = [entry.held for entry in owned_variables(model) if entry.held and entry.is_kernel]
    signature = input_specs(model)

    @tf.function
    def run(inputs, values):
        with replaced(list(zip(kernels, values, strict=True))):
            return model(inputs, training=False)

    specs = [tf.TensorSpec(held.variable.shape, held.variable.dtype) for held in kernels]
    graph = run.get_concrete_function(signature, specs).graph
    first = len(tf.nest.flatten(signature))
    tensors = graph.inputs[first : first + len(kernels)]
    holders = [held.holder for held in kernels]
    return dataflow.end_layers(graph, list(zip(tensors, holders, strict=True)))
