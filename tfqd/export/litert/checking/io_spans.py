"""The integers of a file's inputs and outputs: which numbers they can stand for."""

from typing import NamedTuple

from tfqd.export.litert.file.flatbuffer import File, Op, Type, is_quantized

_INTEGERS = {Type.INT8: (-128, 127), Type.INT16: (-32768, 32767)}


class Span(NamedTuple):
    """The numbers that the integers of a tensor stand for: the smallest and the largest."""

    low: float
    high: float


def input_spans(file: File) -> dict[str, Span]:
    """The spans of the inputs that are rounded to integers, or are some, by their names.

    Args:
        file: with a signature.
    """
    graph = file.graphs[0]
    rounded = {
        int(each.inputs[0]): int(each.outputs[0])
        for each in graph.operators
        if file.code(each) == Op.QUANTIZE
    }
    return _spans(graph, file.model.signatureDefs[0].inputs, rounded)


def output_spans(file: File) -> dict[str, Span]:
    """The spans of such outputs. They do not depend on what the file is asked, as answers do.

    Args:
        file: with a signature.
    """
    graph = file.graphs[0]
    rounded = {
        int(each.outputs[0]): int(each.inputs[0])
        for each in graph.operators
        if file.code(each) == Op.DEQUANTIZE
    }
    return _spans(graph, file.model.signatureDefs[0].outputs, rounded)


def _spans(graph, entries, rounded: dict[int, int]) -> dict[str, Span]:
    spans = {}
    for entry in entries or []:
        tensor = graph.tensors[rounded.get(entry.tensorIndex, entry.tensorIndex)]
        if is_quantized(tensor) and tensor.type in _INTEGERS:
            (scale,), (zero,) = tensor.quantization.scale, tensor.quantization.zeroPoint
            low, high = (float(scale * (each - zero)) for each in _INTEGERS[tensor.type])
            spans[entry.name.decode()] = Span(low, high)
    return spans
