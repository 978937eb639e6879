"""The float weights of a converted file, put into integers, operator by operator."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tfqd.compressed import QuantizedTensor
from tfqd.export.litert.codebook import unpacked_at_load
from tfqd.export.litert.convolution import convolution, in_place
from tfqd.export.litert.editing import Site
from tfqd.export.litert.embedding import embedding
from tfqd.export.litert.flatbuffer import File, Op, Type, op_name
from tfqd.export.litert.fully_connected import fully_connected
from tfqd.export.litert.matching import Matcher
from tfqd.export.litert.weights import IntegerWeight, NoIntegerForm, integer_weight

# Where an operator takes its weight, and along which axis of it its output channels lie.
_SLOTS = {
    Op.FULLY_CONNECTED: (1, 0),
    Op.CONV_2D: (1, 0),
    Op.DEPTHWISE_CONV_2D: (1, 3),
    Op.TRANSPOSE_CONV: (1, 0),
    Op.GATHER: (0, 0),
}

_NO_OTHER = "convolution, which has no kernel below 8 bits"


class Preferences(NamedTuple):
    """What decides where several forms of a weight are exact.

    size: whether bytes count more than time.
    int2: whether FULLY_CONNECTED weights of 2 bits are stored as INT2.
    """

    size: bool
    int2: bool


class Row(NamedTuple):
    """What became of a quantized weight.

    path: the weight's.
    spec: what it was quantized by.
    operator: that reads it in the file; empty when none does.
    type: it got: ``"int4"``, ``"int8"``, ``"int2"``, ``"codebook"`` or ``"float32"``.
    reason: why this one.
    """

    path: str
    spec: dict
    operator: str
    type: str
    reason: str


def lower(
    file: File, tensors: Mapping[str, QuantizedTensor], preferences: Preferences
) -> list[Row]:
    """Rewrites all operators of a file that read quantized weights.

    What cannot be computed exactly in integers stays as it is, in float, and
    its row says why.

    Args:
        file: a converted file; changed.
        tensors: the model's quantized weights by path.
        preferences: between exact forms.

    Returns:
        A row for each kind of operator that reads a weight, and one for each weight
        that no operator reads as it is.
    """
    matcher = Matcher(tensors)
    rows = []
    for graph in file.graphs:
        for operator in list(graph.operators):
            slot = _SLOTS.get(file.code(operator))
            constant = None if slot is None else _weight(file, graph, operator, slot[0])
            match = None if constant is None else matcher.match(constant, slot[1])
            if match is not None:
                type, reason = _lowered(Site(file, graph, operator), match, preferences)
                name = op_name(file.code(operator))
                row = Row(match.path, match.tensor.spec, name, type, reason)
                rows += [] if row in rows else [row]  # a shared weight is read more than once
    found = {row.path for row in rows}
    rows += [
        Row(path, tensor.spec, "", "float32", "no operator of integers takes it as it is")
        for path, tensor in tensors.items()
        if path not in found
    ]
    order = list(tensors)
    return sorted(rows, key=lambda row: order.index(row.path))


def _weight(file: File, graph, operator, place: int) -> np.ndarray | None:
    tensor = graph.tensors[operator.inputs[place]]
    constant = file.constant(tensor) if tensor.type == Type.FLOAT32 else None
    return constant if constant is not None and constant.ndim > 1 else None


def _lowered(site: Site, match, preferences: Preferences) -> tuple[str, str]:
    forms = [lambda: _rewritten(site, integer_weight(match), preferences)]
    if preferences.size and match.tensor.points is not None:
        forms.append(lambda: unpacked_at_load(site, match))
    reason = ""
    for form in forms:
        try:
            result = form()
        except NoIntegerForm as error:
            reason = str(error)
            site.operators.clear()
            continue
        site.finish()
        return result
    return "float32", reason


def _rewritten(site: Site, weight: IntegerWeight, preferences: Preferences) -> tuple[str, str]:
    code = site.file.code(site.operator)
    if code == Op.CONV_2D:
        return convolution(site, weight, preferences.size)
    if code == Op.DEPTHWISE_CONV_2D:
        return in_place(
            site, weight, 8, "a depthwise convolution, which has no kernel below", axis=3
        )
    if code == Op.TRANSPOSE_CONV:
        return in_place(site, weight, 8, "a transposed convolution, which has no kernel below")
    if code == Op.GATHER:
        return embedding(site, weight)
    inputs = site.operator.inputs
    bias = int(inputs[2]) if len(inputs) > 2 else -1
    activation = site.options.fusedActivationFunction
    x, y = int(inputs[0]), int(site.operator.outputs[0])
    return fully_connected(site, weight, x, bias, y, activation, preferences.int2)
