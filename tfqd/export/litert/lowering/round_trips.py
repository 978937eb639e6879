"""Floats that are rounded to integers only to be floats again: they are left as they are.

That is more exact where a model computes with floats. One that was trained to round them is left
to do so.
"""

import numpy as np

from tfqd.export.litert.file.flatbuffer import File, Op, Type


def drop_round_trips(file: File) -> None:
    """Removes each DEQUANTIZE of what a QUANTIZE has just made, and a QUANTIZE that nothing reads.

    Args:
        file: changed.
    """
    for graph in file.graphs:
        rounded_from = {
            int(each.outputs[0]): int(each.inputs[0])
            for each in graph.operators
            if file.code(each) == Op.QUANTIZE
            and graph.tensors[each.inputs[0]].type == Type.FLOAT32  # else it changes a scale
        }
        outputs = set(map(int, graph.outputs))
        for operator in list(graph.operators):
            floats = rounded_from.get(int(operator.inputs[0])) if len(operator.inputs) else None
            result = int(operator.outputs[0])
            if file.code(operator) != Op.DEQUANTIZE or floats is None or result in outputs:
                continue
            for reader in file.readers(graph, result):
                # A new list: that of a file may be the shape of a tensor too.
                inputs = np.where(reader.inputs == result, floats, reader.inputs)
                reader.inputs = inputs.astype(np.int32)
            graph.operators = [each for each in graph.operators if each is not operator]
        graph.operators = [
            each
            for each in graph.operators
            if file.code(each) != Op.QUANTIZE
            or int(each.outputs[0]) in outputs
            or any(file.readers(graph, int(each.outputs[0])))
        ]
