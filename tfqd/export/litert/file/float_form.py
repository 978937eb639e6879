"""A file of integers with the floats that these stand for in their place.

Its structure is the file's own. So it tells errors of structure, values and
layout, which it has too, from the rounding of activations, which it has not.
"""

import numpy as np

from tfqd.export.litert.file.flatbuffer import File, Op, Type, is_quantized, operator
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.file.unused import blockwise

INTEGERS = (Type.INT8, Type.INT4, Type.INT2, Type.INT32, Type.INT64)

_CONVERSIONS = (Op.QUANTIZE, Op.DEQUANTIZE)


def float_form(data: bytes) -> bytes:
    """The same file with float32 weights, biases and activations.

    Args:
        data: a file of any activations.
    """
    file = File(data)
    for graph in file.graphs:
        for index, entry in enumerate(graph.operators):
            if file.code(entry) in _CONVERSIONS:
                graph.operators[index] = _unchanged(file, graph, entry)
        for tensor in graph.tensors:
            values = dequantized(file, graph, tensor)
            if values is not None:
                file.set_constant(tensor, values, Type.FLOAT32)
            elif not is_quantized(tensor) or file.data(tensor) is not None:
                continue
            tensor.type = Type.FLOAT32
            tensor.quantization = None
    return file.to_bytes()


def dequantized(file: File, graph, tensor) -> np.ndarray | None:
    """What a constant of scaled integers stands for; None for another tensor: float32."""
    if tensor.type not in INTEGERS or tensor.quantization is None:
        return None
    integers = file.constant(tensor)
    blocks = blockwise(tensor)
    if integers is None or (blocks is None and not is_quantized(tensor)):
        return None
    if blocks is not None:
        integers = integers.astype(np.float32)
        scales = file.numbers(graph.tensors[blocks.scales]).astype(np.float32)
        if blocks.zeroPoints > 0:
            zero = file.numbers(graph.tensors[blocks.zeroPoints]).astype(np.float32)
            integers = integers - np.repeat(zero, blocks.blockSize, axis=1)
        return integers * np.repeat(scales, blocks.blockSize, axis=1)
    scale, zero = tensor.quantization.scale, tensor.quantization.zeroPoint
    if tensor.type in (Type.INT32, Type.INT64):  # more digits than float32 has
        integers, scale = integers.astype(np.float64), np.asarray(scale, np.float64)
    integers = integers - per_element(tensor.quantization, zero, integers.ndim)
    return (integers * per_element(tensor.quantization, scale, integers.ndim)).astype(np.float32)


def per_element(quantization, numbers, rank: int) -> np.ndarray:
    """A scale or zero point for each channel, in a shape that fits a tensor of `rank`."""
    numbers = np.asarray(numbers)
    numbers = numbers if numbers.dtype == np.float64 else numbers.astype(np.float32)
    shape = [1] * rank
    if rank:
        shape[quantization.quantizedDimension] = len(numbers)
    return numbers.reshape(shape)


def _unchanged(file: File, graph, conversion):
    """The operator in floats: times 1."""
    one = file.add_constant(graph, np.ones([], np.float32), shared=True)
    code = file.add_operator_code(Op.MUL)
    inputs = [conversion.inputs[0], one]
    return operator(code, inputs, conversion.outputs, schema.MulOptionsT())
