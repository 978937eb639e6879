"""RESHAPE operators that a constant shape serves as well, or that nothing needs.

A layer such as Keras' Flatten keeps the batch size free by reading it from the
input and putting it in front of the other sizes (SHAPE, STRIDED_SLICE, PACK). Where
one size is computed and the others are constants, the number of elements decides
it: [n, 64] is [-1, 64] whenever it fits the input at all. And a FULLY_CONNECTED
operator takes [n, 1, 1, 64] for the rows that a RESHAPE makes of it. Of two RESHAPE
operators, one behind the other, the second does for both.
"""

from collections.abc import Iterator

import numpy as np

from tfqd.export.litert.file.flatbuffer import File, Op, Type, free_shape_of, shape_of
from tfqd.export.litert.lowering.producers import drop_unread, producer

# Operators that do nothing but fill their outputs.
_DROPPABLE = (Op.SHAPE, Op.STRIDED_SLICE, Op.PACK, Op.RESHAPE)


def simplify_reshapes(file: File) -> None:
    """Gives RESHAPE operators constant shapes, and takes out those before products.

    The operators that computed a shape go where nothing else reads from them.

    Args:
        file: changed.
    """
    for graph in file.graphs:
        for operator in list(graph.operators):
            code = file.code(operator)
            if code == Op.RESHAPE:
                _settle(file, graph, operator)
                _join(file, graph, operator)
            elif code == Op.FULLY_CONNECTED:
                _take_unshaped(file, graph, operator)


def _settle(file: File, graph, operator) -> None:
    """Gives a RESHAPE whose shape has one computed size a constant with -1 for it."""
    computed = int(operator.inputs[1]) if len(operator.inputs) > 1 else None
    pack = producer(graph, computed)
    if pack is None or file.code(pack) != Op.PACK:
        return
    sizes = list(_sizes(file, graph, pack))
    # A constant size of 0, or a second -1, leaves more than one answer.
    if sizes.count(-1) == 1 and all(size == -1 or size > 0 for size in sizes):
        constant = file.add_constant(graph, np.array(sizes, np.int32), shared=True)
        _read_instead(file, graph, operator, 1, constant)


def _join(file: File, graph, operator) -> None:
    """Lets a RESHAPE read what one before it reads, and takes it out where that has its shape."""
    before = producer(graph, int(operator.inputs[0]))
    if before is None or file.code(before) != Op.RESHAPE:
        return
    source, result = int(before.inputs[0]), int(operator.outputs[0])
    _read_instead(file, graph, operator, 0, source)
    shape, wanted = (free_shape_of(graph.tensors[index]) for index in (source, result))
    if shape != wanted or shape.count(-1) > 1 or result in graph.outputs:
        return
    for reader in graph.operators:
        for place in np.flatnonzero(np.asarray(reader.inputs) == result):
            _read_instead(file, graph, reader, int(place), source)


def _take_unshaped(file: File, graph, operator) -> None:
    """Lets a FULLY_CONNECTED read the input of a RESHAPE before it, where the rows are the same.

    The operator cuts whatever comes in into rows of the weight's length: those are
    of the last axis both before and after the RESHAPE.
    """
    reshape = producer(graph, int(operator.inputs[0]))
    if reshape is None or file.code(reshape) != Op.RESHAPE or operator.builtinOptions.keepNumDims:
        return
    before, after = (graph.tensors[int(index)] for index in (reshape.inputs[0], reshape.outputs[0]))
    row = shape_of(graph.tensors[int(operator.inputs[1])])[-1:]
    if before.type == Type.FLOAT32 and shape_of(before)[-1:] == shape_of(after)[-1:] == row:
        _read_instead(file, graph, operator, 0, int(reshape.inputs[0]))


def _sizes(file: File, graph, pack) -> Iterator[int]:
    """What a PACK puts together, -1 for what is computed."""
    for index in pack.inputs:
        constant = file.constant(graph.tensors[int(index)])
        yield -1 if constant is None or constant.size != 1 else int(constant.reshape(())[()])


def _read_instead(file: File, graph, operator, place: int, index: int) -> None:
    """Changes an operator's input; takes out what nothing reads then."""
    old = int(operator.inputs[place])
    inputs = [*operator.inputs[:place], index, *operator.inputs[place + 1 :]]
    operator.inputs = np.array(inputs, np.int32)
    drop_unread(file, graph, old, _DROPPABLE)
