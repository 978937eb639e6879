"""A model's graph, taken apart and put together again with rounded activations.

The steps are the same for both Keras versions; how each takes a graph apart is a `Graphs`.
"""

import dataclasses
import inspect
from typing import Any

import tensorflow as tf

from tfqd.spec import Activations
from tfqd.wrapping.activations import quantized_activations
from tfqd.wrapping.lookups import has_tables, rows_looked_up
from tfqd.wrapping.placement import (
    INPUT,
    UNROUNDED,
    Kind,
    NoIntegerKernel,
    Placement,
    Range,
    Step,
    placed,
    role_as_float,
    role_of,
    separate_activation,
    takes_integers,
)
from tfqd.wrapping.protocols import Graphs

# Before the name of a layer whose answers were an output before they were rounded.
_UNROUNDED = "unrounded_"
# Before the name of an output that is an input, which keeps its name.
_GIVEN = "given_"


def with_quantized_activations(model: Any, spec: Activations, graphs: Graphs) -> Any:
    """The same layers in a new graph, with ranges where a file of integers has them.

    Outputs keep their names: layers that gave them are renamed. An output that is an input has the
    name of that with ``given_`` before it.

    Args:
        model: a built Sequential or Functional model; its layers are changed.
        spec: of the activations.
        graphs: those of the model's Keras version.

    Raises:
        ValueError: for another model, one that rounds activations already, and for layers
            that no kernel of integers computes.
    """
    if quantized_activations(model):
        raise ValueError(
            f"model {model.name!r} rounds activations already; leave activations None to keep "
            "its ranges"
        )
    graph = graphs.graph_of(model)
    flat = _flattened(model, graph, graphs)
    recorder = _Recorder(graphs, spec)
    for tensor in flat.inputs:
        recorder.note(tensor.name, INPUT if _is_of_floats(tensor) else UNROUNDED, [], tensor)
    outputs = graphs.run_graph(flat, flat.inputs, recorder.call)
    tensors = [recorder.number(tensor) for tensor in graphs.tensors_in(outputs)]
    placement = placed(recorder.steps, tensors)
    inserter = _Inserter(placement, recorder.steps, _layers(placement, spec, graphs))
    inputs = [inserter.rounded(each) for each in flat.inputs]
    outputs = graphs.run_graph(flat, inputs, inserter.call)
    given = {tensor.name for tensor in flat.inputs}
    names = [_GIVEN + name if name in given else name for name in graph.output_names]
    for operation in recorder.operations.values():
        if operation.name in names:
            graphs.rename(operation, _UNROUNDED + operation.name)
    named = _named(graphs.tensors_in(outputs), names, graphs)
    return graphs.Functional(flat.input, graphs.packed(outputs, named), name=model.name)


def _flattened(model: Any, graph: Any, graphs: Graphs) -> Any:
    """The model without models in it, and with activations that no kernel ends in as layers."""
    if not isinstance(graph, graphs.Functional):
        raise ValueError(
            "activations= needs a Sequential or Functional model, whose graph tells what a file "
            f"of integers computes; {model.name!r} is a {type(model).__name__}"
        )
    taken: dict[str, Any] = {}
    separated: dict[int, Any] = {}

    def call_in(owner, training=None):
        def call(operation, *args, **kwargs):
            if training is not None and kwargs.get("training") is None:
                kwargs |= {"training": training} if _takes_training(operation) else {}
            inner = graphs.graph_of(operation) if isinstance(operation, graphs.Model) else operation
            if isinstance(inner, graphs.Functional):
                call_within = call_in(operation, _training_of_call(operation, args, kwargs, graphs))
                return graphs.run_graph(inner, graphs.tensors_in(args), call_within)
            if taken.setdefault(operation.name, operation) is not operation:
                graphs.rename(operation, f"{owner.name}_{operation.name}")
                taken[operation.name] = operation
            outputs = operation(*args, **kwargs)
            activation = _separated(operation, separated, graphs)
            return outputs if activation is None else activation(outputs)

        return call

    outputs = graphs.run_graph(graph, graph.inputs, call_in(model))
    return graphs.Functional(graph.input, outputs, name=model.name)


def _takes_training(operation: Any) -> bool:
    return "training" in inspect.signature(operation.call).parameters


def _training_of_call(model: Any, args: tuple, kwargs: dict[str, Any], graphs: Graphs) -> Any:
    """What a model within a model is called with for `training`, which is for its layers too.

    Raises:
        ValueError: for other arguments than that and its inputs.
    """
    others = {name: value for name, value in kwargs.items() if name != "training"}
    given = [each for each in tf.nest.flatten([args, others]) if each is not None]
    if len(given) != len(graphs.tensors_in(args)):
        raise ValueError(
            f"model {model.name!r} is called with more than its inputs, by position, and "
            f"training=; activations= takes it apart and hands no other arguments on: got {given}"
        )
    return kwargs.get("training")


def _separated(operation: Any, separated: dict[int, Any], graphs: Graphs) -> Any:
    """The layer that computes a layer's activation in its stead; None for one that keeps its."""
    if id(operation) not in separated:
        activation = separate_activation(*graphs.role_in_graph(operation))
        if activation is not None:
            operation.activation = graphs.activations.linear
            name = f"{operation.name}_{activation}"
            separated[id(operation)] = graphs.layers.Activation(activation, name=name)
    return separated.get(id(operation))


class _Recorder:
    """Notes what a graph calls, while it runs.

    Args:
        graphs: those of a Keras version.
        spec: of the activations; says what becomes of layers without a kernel of integers.

    Attributes:
        steps: the calls, in their order.
        operations: what was called, by its id.
    """

    def __init__(self, graphs: Graphs, spec: Activations):
        self.steps: list[Step] = []
        self.operations: dict[int, Any] = {}
        self._graphs, self._spec = graphs, spec
        # By the id of a tensor, which is held so that no other gets its id.
        self._numbered: dict[int, tuple[int, Any]] = {}

    def call(self, operation, *args, **kwargs):
        """Calls an operation of the graph."""
        inputs = self._graphs.tensors_in([args, kwargs])
        kind, config = self._graphs.role_in_graph(operation)
        outputs = operation(*args, **kwargs)
        try:
            rank = tf.TensorShape(inputs[0].shape).rank if inputs else None
            role = role_of(operation.name, kind, config, len(inputs), self._spec.bits, rank)
        except NoIntegerKernel as error:
            if self._spec.without_kernel == "refused":
                raise
            _check_one_tensor(operation, outputs, self._graphs, error)
            role = role_as_float(kind)
        if not _is_of_floats(outputs):
            role = UNROUNDED
        indices = self._indices(operation, kind, args, kwargs, outputs)
        self.note(operation.name, role, inputs, outputs, indices)
        self.operations.setdefault(id(operation), operation)
        return outputs

    def note(self, name: str, role, inputs, output, indices=()) -> None:
        """Adds a step."""
        numbers, of_indices = (tuple(map(self.number, each)) for each in (inputs, indices))
        self.steps.append(Step(name, role, numbers, self.number(output), of_indices))

    def _indices(self, operation, kind: str, args, kwargs, outputs) -> list:
        """The tensors that an operation takes as indices."""
        inputs = self._graphs.tensors_in([args, kwargs])
        if takes_integers(kind, to_integers=not _is_of_floats(outputs)):
            return inputs
        if not has_tables(operation):
            return []

        def call(tensors):
            others = {id(old): new for old, new in zip(inputs, tensors, strict=True)}
            replaced = [others.get(id(each), each) for each in tf.nest.flatten([args, kwargs])]
            positional, named = tf.nest.pack_sequence_as([args, kwargs], replaced)
            return operation(*positional, **named)

        specs = [tf.TensorSpec(each.shape, each.dtype) for each in inputs]
        rows = rows_looked_up(operation, call, specs)
        return [tensor for tensor, each in zip(inputs, rows, strict=True) if each is not None]

    def number(self, tensor) -> int:
        """The number of a tensor, a new one for a new tensor."""
        number, _ = self._numbered.setdefault(id(tensor), (len(self._numbered), tensor))
        return number


class _Inserter:
    """Rounds what a graph's calls give, in the order in which they were recorded."""

    def __init__(self, placement: Placement, steps: list[Step], layers: list):
        self._steps = iter(steps)
        self._rounded, self._layers = placement.rounded, layers

    def call(self, operation, *args, **kwargs):
        """Calls an operation of the graph, and rounds what it gives."""
        return self.rounded(operation(*args, **kwargs))

    def rounded(self, tensor):
        """The next of the tensors, rounded where that is its place."""
        step = next(self._steps)
        place = self._rounded.get(step.output)
        if place is None:
            return tensor
        # Averages of numbers of a range lie in it.
        inside = {"inside": True} if step.role.kind is Kind.AVERAGES else {}
        return self._layers[place](tensor, **inside)


def _is_of_floats(tensor: Any) -> bool:
    return tf.as_dtype(tensor.dtype).is_floating


def _check_one_tensor(operation: Any, outputs: Any, graphs: Graphs, error: ValueError) -> None:
    """Raises ValueError where a layer that stays float gives several tensors."""
    if graphs.tensors_in(outputs) != [outputs]:
        raise ValueError(
            f"{error}. Without a kernel it may stay float where it gives one tensor; "
            f"{operation.name!r} gives several"
        ) from error


def _layers(placement: Placement, spec: Activations, graphs: Graphs) -> list:
    """The layer of each range."""
    return [
        graphs.QuantizedActivation(
            _spec_of(each, spec),
            each.positive,
            each.fixed,
            each.layers,
            each.reason,
            name=each.name,
        )
        for each in placement.ranges
    ]


def _spec_of(place: Range, spec: Activations) -> Activations:
    """The spec, changed to what a range needs."""
    if place.symmetric:
        bits = max(8, spec.bits)
        return dataclasses.replace(spec, scaling="symmetric", bits=bits, signed_bits=bits)
    return dataclasses.replace(spec, signed_bits=8) if place.at_an_end else spec


def _named(outputs: list, names: list[str], graphs: Graphs) -> list:
    """The outputs from layers of these names."""
    layers = {name: graphs.layers.Identity(name=name) for name in names}
    return [layers[name](tensor) for name, tensor in zip(names, outputs, strict=True)]
