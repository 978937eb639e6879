"""A Keras 3 model's graph, taken apart and put together again with rounded activations."""

from typing import Any

import keras

from tfqd.spec import Activations
from tfqd.wrapping.activations import quantized_activations
from tfqd.wrapping.keras3.activations import QuantizedActivation
from tfqd.wrapping.keras3.insides import Functional, graph_of, run_graph
from tfqd.wrapping.placement import INPUT, Placement, Step, placed, role_of, separate_activation

# Before the name of a layer whose answers were an output before they were rounded.
_UNROUNDED = "unrounded_"


def with_quantized_activations(model: keras.Model, spec: Activations) -> keras.Model:
    """The same layers in a new graph, with ranges where a file of integers has them.

    Outputs keep their names: layers that gave them are renamed.

    Args:
        model: a built Sequential or Functional model; its layers are changed.
        spec: of the activations.

    Raises:
        ValueError: for another model, one that rounds activations already, and for layers
            that no kernel of integers computes.
    """
    if quantized_activations(model):
        raise ValueError(
            f"model {model.name!r} rounds activations already; leave activations None to keep "
            "its ranges"
        )
    flat = _flattened(model)
    recorder = _Recorder()
    for tensor in flat.inputs:
        recorder.note(tensor.name, INPUT, [], tensor)
    outputs = run_graph(flat, flat.inputs, recorder.call)
    tensors = [recorder.number(tensor) for tensor in keras.tree.flatten(outputs)]
    inserter = _Inserter(placed(recorder.steps, tensors), recorder.steps, spec)
    outputs = run_graph(flat, [inserter.rounded(each) for each in flat.inputs], inserter.call)
    named = _named(keras.tree.flatten(outputs), graph_of(model).output_names, flat)
    return Functional(flat.input, keras.tree.pack_sequence_as(outputs, named), name=model.name)


def _flattened(model: keras.Model) -> keras.Model:
    """The model without models in it, and with activations that no kernel ends in as layers."""
    graph = graph_of(model)
    if not isinstance(graph, Functional):
        raise ValueError(
            "activations= needs a Sequential or Functional model, whose graph tells what a file "
            f"of integers computes; {model.name!r} is a {type(model).__name__}"
        )
    taken: dict[str, keras.Operation] = {}
    separated: dict[int, keras.layers.Layer] = {}

    def call_in(owner):
        def call(operation, *args, **kwargs):
            inner = graph_of(operation) if isinstance(operation, keras.Model) else operation
            if isinstance(inner, Functional):
                return run_graph(inner, keras.tree.flatten(args), call_in(operation))
            if taken.setdefault(operation.name, operation) is not operation:
                operation.name = f"{owner.name}_{operation.name}"
                taken[operation.name] = operation
            outputs = operation(*args, **kwargs)
            activation = _separated(operation, separated)
            return outputs if activation is None else activation(outputs)

        return call

    outputs = run_graph(graph, graph.inputs, call_in(model))
    return Functional(graph.input, outputs, name=model.name)


def _separated(operation, separated: dict[int, keras.layers.Layer]) -> keras.layers.Layer | None:
    """The layer that computes a layer's activation in its stead; None for one that keeps its."""
    if isinstance(operation, keras.layers.Layer) and id(operation) not in separated:
        activation = separate_activation(type(operation).__name__, operation.get_config())
        if activation is not None:
            operation.activation = keras.activations.linear
            layer = keras.layers.Activation(activation, name=f"{operation.name}_{activation}")
            separated[id(operation)] = layer
    return separated.get(id(operation))


class _Recorder:
    """Notes what a graph calls, while it runs.

    Attributes:
        steps: the calls, in their order.
    """

    def __init__(self):
        self.steps: list[Step] = []
        self._tensors: list[Any] = []

    def call(self, operation, *args, **kwargs):
        """Calls an operation of the graph."""
        inputs = [x for x in keras.tree.flatten([args, kwargs]) if keras.utils.is_keras_tensor(x)]
        is_layer = isinstance(operation, keras.layers.Layer)
        config = operation.get_config() if is_layer else {}
        role = role_of(operation.name, type(operation).__name__, config, len(inputs))
        outputs = operation(*args, **kwargs)
        self.note(operation.name, role, inputs, outputs)
        return outputs

    def note(self, name: str, role, inputs, output) -> None:
        """Adds a step."""
        numbers = tuple(map(self.number, inputs))
        self.steps.append(Step(name, role, numbers, self.number(output)))

    def number(self, tensor) -> int:
        """The number of a tensor, a new one for a new tensor."""
        for number, known in enumerate(self._tensors):
            if known is tensor:
                return number
        self._tensors.append(tensor)
        return len(self._tensors) - 1


class _Inserter:
    """Rounds what a graph's calls give, in the order in which they were recorded."""

    def __init__(self, placement: Placement, steps: list[Step], spec: Activations):
        self._outputs = iter([step.output for step in steps])
        self._rounded = placement.rounded
        self._layers = [
            QuantizedActivation(
                spec, each.positive, each.fixed, each.layers, each.reason, name=each.name
            )
            for each in placement.ranges
        ]

    def call(self, operation, *args, **kwargs):
        """Calls an operation of the graph, and rounds what it gives."""
        return self.rounded(operation(*args, **kwargs))

    def rounded(self, tensor):
        """The next of the tensors, rounded where that is its place."""
        place = self._rounded.get(next(self._outputs))
        return tensor if place is None else self._layers[place](tensor)


def _named(outputs: list, names: list[str], flat: keras.Model) -> list:
    """The outputs from layers of these names."""
    operations = {operation.name: operation for operation in flat.operations}
    layers = {}
    for name in names:
        if name in operations:
            operations[name].name = _UNROUNDED + name
        layers[name] = keras.layers.Identity(name=name)
    return [layers[name](tensor) for name, tensor in zip(names, outputs, strict=True)]
