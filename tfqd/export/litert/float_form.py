"""A file of integer weights with the floats that these stand for in their place.

Its structure is the file's own. So it tells errors of structure, values and
layout, which it has too, from the rounding of activations, which it has not.
"""

import numpy as np

from tfqd.export.litert.flatbuffer import File, Type
from tfqd.export.litert.unused import blockwise

INTEGERS = (Type.INT8, Type.INT4, Type.INT2)


def float_form(data: bytes) -> bytes:
    """The same file with float32 weights.

    Args:
        data: a file whose activations are float.
    """
    file = File(data)
    for graph in file.graphs:
        for tensor in graph.tensors:
            values = dequantized(file, graph, tensor)
            if values is not None:
                file.set_constant(tensor, values, Type.FLOAT32)
                tensor.quantization = None
    return file.to_bytes()


def dequantized(file: File, graph, tensor) -> np.ndarray | None:
    """What a constant of scaled integers stands for; None for another tensor: float32."""
    if tensor.type not in INTEGERS or tensor.quantization is None:
        return None
    integers = file.constant(tensor)
    blocks = blockwise(tensor)
    scale = tensor.quantization.scale
    if integers is None or (blocks is None and (scale is None or len(scale) == 0)):
        return None
    integers = integers.astype(np.float32)
    if blocks is not None:
        scales = file.constant(graph.tensors[blocks.scales]).astype(np.float32)
        if blocks.zeroPoints > 0:
            zero = file.constant(graph.tensors[blocks.zeroPoints]).astype(np.float32)
            integers = integers - np.repeat(zero, blocks.blockSize, axis=1)
        return integers * np.repeat(scales, blocks.blockSize, axis=1)
    shape = [1] * integers.ndim
    shape[tensor.quantization.quantizedDimension] = len(scale)
    zero = np.asarray(tensor.quantization.zeroPoint, np.float32)
    return (integers - zero.reshape(shape)) * np.asarray(scale, np.float32).reshape(shape)
