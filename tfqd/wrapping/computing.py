"""What a model multiplies, counted on its graph."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfqd.report import KernelCompute, ModelCompute
from tfqd.wrapping.activations import RoundsActivations, rounds_inputs_by_tfmot
from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.multiply_adds import KERNELS, uses_of_weights
from tfqd.wrapping.placement import Kind, NoIntegerKernel, role_of
from tfqd.wrapping.protocols import Graphs
from tfqd.wrapping.quantized import QuantizedVariable

_FLOAT = 32
# Kernels that take what their layer computes inside, which nothing rounds.
_TAKE_FLOATS = ("pointwise_kernel", "recurrent_kernel")


def compute_of(model: Any, entries: Sequence[QuantizedVariable], graphs: Graphs) -> ModelCompute:
    """The multiply-adds of one example, see `tfqd.compute_report`.

    The graph is traced, not run, and the model gets no new calls.

    Args:
        model: Sequential or Functional, or subclassed of Keras 3.
        entries: its quantized variables.
        graphs: those of its Keras version.

    Raises:
        ValueError: for another model, and one with tfmot's quantizers of activations.
    """
    graph = graphs.graph_of(model)
    if not isinstance(graph, graphs.Functional):
        raise ValueError(
            "multiply-adds are counted on the graph of a built Sequential or Functional model; "
            f"{model.name!r} is a {type(model).__name__}"
        )
    if any(map(rounds_inputs_by_tfmot, all_layers(model))):
        raise ValueError(
            f"model {model.name!r} rounds activations by tfmot's quantizers, whose bits are not "
            "known here; quantize it with activations=tfqd.Activations()"
        )
    counter = _Counter({id(entry.variable): entry.bits or _FLOAT for entry in entries}, graphs)
    specs = [tf.TensorSpec((1, *each.shape[1:]), each.dtype) for each in graph.inputs]

    @tf.function(autograph=False)
    def traced(*inputs):
        graphs.run_graph(graph, list(inputs), counter.call)

    traced.get_concrete_function(*specs)
    return ModelCompute(counter.kernels, counter.uncounted)


class _Counter:
    """Counts what a graph calls, while it is traced.

    Args:
        bits: of each quantized variable, by its id.
        graphs: those of a Keras version.

    Attributes:
        kernels: what was counted, in the order of the calls.
        uncounted: the names of the other layers, by class.
    """

    def __init__(self, bits: dict[int, int], graphs: Graphs):
        self.kernels: list[KernelCompute] = []
        self.uncounted: dict[str, list[str]] = {}
        self._weight_bits, self._graphs = bits, graphs
        # By the id of a tensor, which is held so that no other gets its id.
        self._rounded: dict[int, tuple[int, Any]] = {}

    def call(self, operation, *args, **kwargs):
        """Calls an operation of the graph."""
        tensors = [each for each in tf.nest.flatten([args, kwargs]) if tf.is_tensor(each)]
        if isinstance(operation, RoundsActivations):
            return self._note(tf.identity(tensors[0]), operation.bits or _FLOAT)
        if isinstance(operation, self._graphs.Model):
            graph = self._graphs.graph_of(operation)
            if isinstance(graph, self._graphs.Functional):
                return self._graphs.run_graph(graph, tensors, self.call)
        outputs = operation(*args, **kwargs)
        layer = _unwrapped(operation)
        kind, config = self._graphs.role_in_graph(layer)
        taken = max([self._bits(each) for each in tensors], default=_FLOAT)
        try:
            role = role_of(layer.name, kind, config, len(tensors)).kind
        except NoIntegerKernel:
            role, taken = Kind.FLOAT, _FLOAT
        if role in (Kind.MOVES, Kind.JOINS):
            return self._note(self._uncounted(kind, layer, outputs), taken)
        if kind == "Matmul" and self._count_product(layer.name, tensors, outputs):
            return outputs
        kernels = _kernels(layer)
        shapes = tensors[0].shape.as_list(), tf.nest.flatten(outputs)[0].shape.as_list()
        uses = [uses_of_weights(kind, config, shapes, kernel.shape) for _, kernel in kernels]
        known = [count for count in uses if count is not None]
        if not kernels or len(known) < len(uses):
            return self._uncounted(kind, layer, outputs)
        for (name, kernel), count in zip(kernels, known, strict=True):
            self._count(layer.name, name, kernel, count, taken)
        return outputs

    def _count_product(self, layer: str, tensors: Sequence[Any], outputs: Any) -> bool:
        """Counts a product of two tensors; False where a size of them is not known."""
        sizes = [*outputs.shape.as_list(), tensors[0].shape[-1]]
        if None in sizes or len(tensors) != 2:
            return False
        first, second = map(self._bits, tensors)
        self.kernels.append(KernelCompute(layer, "", math.prod(sizes), second, first))
        return True

    def _count(self, layer: str, name: str, kernel: Any, uses: int, taken: int) -> None:
        row = KernelCompute(
            layer=layer,
            kernel=name,
            multiply_adds=uses * math.prod(kernel.shape),
            weight_bits=self._weight_bits.get(id(kernel), _FLOAT),
            activation_bits=_FLOAT if name in _TAKE_FLOATS else taken,
        )
        self.kernels.append(row)

    def _uncounted(self, kind: str, layer: Any, outputs: Any) -> Any:
        self.uncounted.setdefault(kind, []).append(layer.name)
        return outputs

    def _note(self, tensor, bits: int):
        self._rounded.setdefault(id(tensor), (bits, tensor))
        return tensor

    def _bits(self, tensor) -> int:
        bits, _ = self._rounded.get(id(tensor), (_FLOAT, None))
        return bits


def _unwrapped(layer: Any) -> Any:
    """The layer that a wrapper of quantized weights runs."""
    return layer.layer if type(layer).__name__.startswith("QuantizeWrapper") else layer


def _kernels(layer: Any) -> list[tuple[str, Any]]:
    """The names and variables of what a layer multiplies by."""
    weights = getattr(layer, "weights", ())
    named = [(each.name.split("/")[-1].split(":")[0], each) for each in weights]
    return [(name, variable) for name, variable in named if name in KERNELS]
