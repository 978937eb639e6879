"""Reading weights back from a running file: each operator alone, in every runtime.

An operator of integer weights rounds its float inputs to 8 bits, so a whole
model's answers say little about a weight. But 0 and 1 are rounded to themselves,
whatever the kernel: fed with them, an operator answers sums of its weights, which
must be those of the numbers that the file holds. So what a kernel reads otherwise
than the file means it (an unknown layout of buckets, a zero point that is passed
over, a type that it has no code for) comes to light, in each operator.

An operator of integer activations rounds its answers too. Where all scales are 1 and
one input is 1, the others 0, its answers are its integers themselves.
"""

import copy
import math

import numpy as np

from tfqd.export.litert.checking.reference import answer, window
from tfqd.export.litert.checking.runtimes import RuntimeRefusal, run
from tfqd.export.litert.file.flatbuffer import (
    File,
    Op,
    Type,
    empty_file,
    is_quantized,
    op_name,
    per_channel,
    shape_of,
)
from tfqd.export.litert.file.flatbuffer import operator as new_operator
from tfqd.export.litert.file.float_form import dequantized
from tfqd.export.litert.file.operators import INTEGER_KERNELS
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.file.unused import blockwise

# Relative to an operator's largest answer; kernels scale sums of integers in float32.
TOLERANCE = 1e-6

_ROWS = 8
# More of them only a damaged stride or dilation asks for.
_MOST_INPUTS = 2**26
# The types of biases by those of activations.
_BIASES = {Type.FLOAT32: np.float32, Type.INT8: np.int32, Type.INT16: np.int64}
# Examples for an operator of integer activations, each of which shows a weight.
_MOST_SINGLE_ONES = 256


def largest_error(data: bytes, runtime: str) -> tuple[float, str]:
    """How exactly a runtime's kernels read a file's integer weights.

    Args:
        data: a file.
        runtime: a key of `tfqd.export.litert.checking.runtimes.runtimes`.

    Returns:
        The largest difference, relative to the operator's largest answer, and the
        operator's name; infinite for what is no number. 0 and an empty name for a
        file without integer weights.

    Raises:
        RuntimeRefusal: a ValueError, when the runtime does not run an operator.
    """
    file = File(data)
    worst, name = 0.0, ""
    for graph in file.graphs:
        for operator in graph.operators:
            kernel = INTEGER_KERNELS.get(file.code(operator))
            if kernel is None:
                continue
            weight = graph.tensors[operator.inputs[kernel.weight]]
            values = dequantized(file, graph, weight)
            if values is None:
                continue
            error = _error(file, graph, operator, values, runtime)
            if not error <= worst:
                worst, name = error, op_name(file.code(operator))
    return worst, name


def _error(file: File, graph, operator, values: np.ndarray, runtime: str) -> float:
    code, options = file.code(operator), operator.builtinOptions
    kernel = INTEGER_KERNELS[code]
    data = graph.tensors[operator.inputs[kernel.data]]
    integers = data.type if is_quantized(data) else None
    if integers is not None:
        values = file.numbers(graph.tensors[operator.inputs[kernel.weight]])
    x = _inputs(code, options, values, channels=(1, *shape_of(data))[-1])
    x = x if integers is None else _single_ones(x.shape)
    expected = answer(code, options, values.astype(np.float64), x)
    alone = _alone(file, graph, operator, x, expected.shape, integers)
    (y,) = run(runtime, alone, {"x": x}).values()
    if not np.isfinite(y).all():
        return float("inf")
    largest = np.abs(expected).max()
    return float(np.abs(y - expected).max() / largest) if largest else float(np.abs(y).max())


def _inputs(code: int, options, weight: np.ndarray, channels: int) -> np.ndarray:
    """Zeros and ones of a shape that the operator takes; all rows of a table."""
    if code == Op.EMBEDDING_LOOKUP:
        return np.arange(len(weight), dtype=np.int32)
    if code == Op.FULLY_CONNECTED:
        shape = [_ROWS, weight.shape[1]]
    else:
        height, width = window(options, weight.shape[1:3])
        shape = [2, height + options.strideH, width + options.strideW, channels]
        if math.prod(shape) > _MOST_INPUTS:
            raise RuntimeRefusal(f"{op_name(code)} with windows of {height}x{width} is not checked")
    return np.random.default_rng(0).integers(0, 2, shape).astype(np.float32)


def _single_ones(shape: tuple[int, ...]) -> np.ndarray:
    """Examples of that shape with a single 1 each, at every place or as many as are drawn."""
    size = int(np.prod(shape[1:]))
    places = np.random.default_rng(0).permutation(size)[:_MOST_SINGLE_ONES]
    examples = np.zeros((len(places), size), np.float32)
    examples[np.arange(len(places)), places] = 1
    return examples.reshape(-1, *shape[1:])


def _alone(
    file: File, graph, operator, x: np.ndarray, shape: tuple[int, ...], integers: int | None
) -> bytes:
    """A file of nothing but the operator and its weight, with the signature x -> y.

    Args:
        x: what it takes.
        shape: of what it answers.
        integers: the `Type` of its activations, all scales being 1; None for floats.
    """
    code = file.code(operator)
    kernel = INTEGER_KERNELS[code]
    alone = empty_file()
    body = alone.graphs[0]
    weight = copy.deepcopy(graph.tensors[operator.inputs[kernel.weight]])
    type = Type.FLOAT32 if integers is None else integers
    body.tensors.append(_computed(x.shape, Type.INT32 if x.dtype == np.int32 else type))
    body.tensors.append(_computed(shape, type))
    bias = alone.add_constant(body, np.zeros(shape[-1], _BIASES[type]))
    if integers is not None:
        weight.quantization.scale = np.ones_like(weight.quantization.scale)
        body.tensors[bias].quantization = per_channel(np.ones_like(weight.quantization.scale), 0)
        for tensor in body.tensors[:2]:
            tensor.quantization = per_channel(np.ones(1), 0)
    place = _moved(file, graph, alone, weight)
    inputs = {kernel.data: 0, kernel.weight: place}
    if kernel.bias is not None:
        inputs[kernel.bias] = bias
    if code == Op.TRANSPOSE_CONV:
        inputs[0] = alone.add_constant(body, np.array(shape, np.int32))
    entry = file.model.operatorCodes[operator.opcodeIndex]
    options = copy.copy(operator.builtinOptions)
    if hasattr(options, "fusedActivationFunction"):
        options.fusedActivationFunction = 0
    if code == Op.FULLY_CONNECTED:
        options.keepNumDims = False
    index = alone.add_operator_code(code, entry.version)
    places = [inputs[place] for place in sorted(inputs)]
    body.operators.append(new_operator(index, places, [1], options))
    return alone.to_bytes()


def _computed(shape, type: int):
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.buffer = np.array(shape, np.int32), type, 0
    return tensor


def _moved(file: File, graph, other: File, tensor) -> int:
    """The index, in another file, of a copy of a constant."""
    moved = copy.deepcopy(tensor)
    data = file.data(tensor)
    if data is None:
        raise ValueError("a bias or scale that is computed cannot be checked")
    moved.buffer = other.add_buffer(data)
    blocks = blockwise(moved)
    if blocks is not None:
        blocks.scales = _moved(file, graph, other, graph.tensors[blocks.scales])
        if blocks.zeroPoints > 0:
            blocks.zeroPoints = _moved(file, graph, other, graph.tensors[blocks.zeroPoints])
    other.graphs[0].tensors.append(moved)
    return len(other.graphs[0].tensors) - 1
