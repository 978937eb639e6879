"""Activations of 16 bits, which TensorFlow's converter knows of some operators alone.

It is shown 256 steps of each range, as 8 bits, and the types in its file are widened: the
grids stay, but for those of functions whose kernels know other ends in 16 bits.
"""

import numpy as np

from tfqd.export.litert.file.flatbuffer import File, Op, Type, is_quantized, per_channel

# Functions of one grid, and that grid's scale in 16 bits.
_FUNCTIONS = (Op.LOGISTIC, Op.TANH, Op.SOFTMAX)
_SCALE_OF_FUNCTIONS = 2.0**-15
_SUMS = (Op.ADD, Op.SUB)


def widened(data: bytes) -> bytes:
    """A file of INT8 activations with INT16 in their place.

    Args:
        data: the converter's file of integers.

    Raises:
        ValueError: for a grid with a zero point, which kernels of INT16 do not know.
    """
    file = File(data)
    for graph in file.graphs:
        of_functions = _of_functions(file, graph)
        for index, tensor in enumerate(graph.tensors):
            if tensor.type == Type.INT8 and file.data(tensor) is None and is_quantized(tensor):
                _widen(tensor, index in of_functions)
        for operator in graph.operators:
            if file.code(operator) in _SUMS:  # else kernels for scales of powers of 2 are taken
                operator.builtinOptions.potScaleInt16 = False
    return file.to_bytes()


def _widen(tensor, of_function: bool) -> None:
    tensor.type = Type.INT16
    if of_function:
        tensor.quantization = per_channel(np.array([_SCALE_OF_FUNCTIONS]), 0)
    elif any(tensor.quantization.zeroPoint):
        raise ValueError(
            f"the converter gave {tensor.name.decode()!r} a zero point, which kernels of 16 bits "
            "do not know: give it a range, or activations 8 bits"
        )


def _of_functions(file: File, graph) -> set[int]:
    """The tensors on the grid of a function's answers: these, and what holds them elsewhere."""
    found: set[int] = set()
    for operator in graph.operators:
        for output in map(int, operator.outputs):
            moved = (
                index in found and _same_grid(graph.tensors[index], graph.tensors[output])
                for index in operator.inputs
            )
            if file.code(operator) in _FUNCTIONS or any(moved):
                found.add(output)
    return found


def _same_grid(one, other) -> bool:
    if not is_quantized(one) or not is_quantized(other):
        return False
    one, other = one.quantization, other.quantization
    same_scales = np.array_equal(one.scale, other.scale)
    return same_scales and np.array_equal(one.zeroPoint, other.zeroPoint)
