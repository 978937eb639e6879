"""Which variables of a tf_keras model are quantized, its first and last layers' apart."""

import tensorflow as tf
import tf_keras

from tfqd.spec import Spec
from tfqd.spec.selection import Selection, SpecLike
from tfqd.wrapping import dataflow
from tfqd.wrapping.first_last import specs_with_first_last
from tfqd.wrapping.tf_keras.attributes import replaced
from tfqd.wrapping.tf_keras.candidates import OwnedVariable, choose_specs, owned_variables
from tfqd.wrapping.tf_keras.config import QuantizeConfig
from tfqd.wrapping.tf_keras.signature import input_specs

Chosen = list[tuple[OwnedVariable, Spec]]


def choose(model: tf_keras.Model, selection: Selection, first_last: SpecLike | None) -> Chosen:
    """The variables of a built model that are quantized, with their specs.

    The arguments are those of `tfqd.quantize_model`.
    """
    chosen = choose_specs(model, selection)
    owned = [(entry.place.holder, spec) for entry, spec in chosen]
    specs = specs_with_first_last(model, owned, first_last, first_last_layers)
    return [
        (entry, spec) for (entry, _), spec in zip(chosen, specs, strict=True) if spec is not None
    ]


def configs_of(chosen: Chosen) -> dict[int, QuantizeConfig]:
    """The config of each layer that has one of the variables, by the layer's id."""
    specs: dict[int, dict[str, Spec]] = {}
    for entry, spec in chosen:
        specs.setdefault(id(entry.layer), {})[entry.place.path] = spec
    return {layer: QuantizeConfig(of_layer) for layer, of_layer in specs.items()}


def first_last_layers(model: tf_keras.Model) -> list[tf_keras.layers.Layer]:
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
    return dataflow.first_last_layers(graph, list(zip(tensors, holders, strict=True)))
