"""Layouts of integer weights that kernels read otherwise than the file means them.

Some of them are silently wrong, on some machines, in some versions: LiteRT 2.3 and
TensorFlow 2.21 answer NaN for convolutions of INT2, pass over the zero points of
blocks, round the scales of blocks to bfloat16, take sparse weights for dense ones;
TensorFlow 2.21 alone multiplies batches of matrices of INT8 wrong.
Running a file shows it on this machine alone, so the layouts are refused by
themselves too. Here is what is left: what was found right everywhere.
"""

from collections.abc import Iterator

import numpy as np

from tfqd.export.litert.file.flatbuffer import (
    File,
    Op,
    Type,
    is_quantized,
    op_name,
    shape_of,
    type_name,
)
from tfqd.export.litert.file.operators import INTEGER_KERNELS, WeightOperator, takes_one_scale
from tfqd.export.litert.file.unused import blockwise

# The converter fuses tf_keras' recurrent layers into them.
_STATEFUL = (Op.UNIDIRECTIONAL_SEQUENCE_LSTM, Op.UNIDIRECTIONAL_SEQUENCE_RNN)
# XNNPACK reads blocks of whole registers, and rounds their scales to bfloat16.
BLOCK_MULTIPLE = 32
_INTEGERS = (Type.INT8, Type.INT4, Type.INT2)


def faults(file: File) -> Iterator[str]:
    """What is wrong with a file."""
    for graph in file.graphs:
        for operator in graph.operators:
            code = file.code(operator)
            if code in _STATEFUL:
                yield (
                    f"{op_name(code)}: it goes on from the state in which the last call left it; "
                    "give the recurrent layer unroll=True"
                )
            if wrong_in_integers(file, graph, operator):
                yield f"{op_name(code)} of integers: TensorFlow Lite's answers are others"
            kernel = INTEGER_KERNELS.get(code)
            if kernel is None:
                continue
            weight = graph.tensors[operator.inputs[kernel.weight]]
            if weight.type not in _INTEGERS:
                continue
            integers = is_quantized(graph.tensors[operator.inputs[kernel.data]])
            one_scale = takes_one_scale(code, weight.type, integers)
            found = [*_faults(file, graph, weight, kernel, one_scale)]
            if not found and integers:
                found += _bias_faults(graph, operator, kernel, weight)
            for fault in found:
                yield f"{op_name(code)} with {type_name(weight.type)}: {fault}"


def on_bfloat16_grid(scale: np.ndarray) -> bool:
    """Whether both bfloat16 and float16 hold all numbers of a float32 array exactly."""
    half = scale.astype(np.float16)
    short = (scale.view(np.uint32) & 0xFFFF) == 0  # the bits that bfloat16 has not
    normal = np.abs(half) >= np.finfo(np.float16).smallest_normal
    return bool((short & normal & (half.astype(np.float32) == scale)).all())


def wrong_in_integers(file: File, graph, operator) -> bool:
    """Whether an operator computes with integers what kernels compute right in floats alone.

    TensorFlow Lite's product of matrices takes the second one's zero point for 0, and is right
    of computed ones alone.
    """
    tensors = [graph.tensors[index] for index in operator.inputs]
    if file.code(operator) != Op.BATCH_MATMUL or not any(map(is_quantized, tensors)):
        return False
    constant = any(file.constant(each) is not None for each in tensors)
    return constant or any(tensors[1].quantization.zeroPoint)


def _faults(file: File, graph, weight, kernel: WeightOperator, one_scale: bool) -> Iterator[str]:
    if weight.sparsity is not None:
        yield "sparse weights are read as if they were dense"
        return
    if weight.type not in kernel.versions:
        yield f"its kernels take {' or '.join(map(type_name, kernel.versions))}"
        return
    blocks = blockwise(weight)
    if blocks is not None:
        yield from _block_faults(file, graph, weight, blocks)
        return
    quantization, axis = weight.quantization, kernel.axis
    stored = None if quantization is None else quantization.scale
    scale = np.asarray([] if stored is None else stored, np.float32)
    count = len(scale)
    if count != weight.shape[axis] and not (one_scale and count == 1):
        yield f"one scale a channel is needed, {weight.shape[axis]}; got {count}"
        return
    if quantization.quantizedDimension != axis and count > 1:
        yield f"its scales lie along axis {quantization.quantizedDimension}, not {axis}"
    if quantization.zeroPoint is not None and np.any(np.asarray(quantization.zeroPoint) != 0):
        yield "zero points other than 0 are passed over or refused"
    if not (np.isfinite(scale) & (scale >= np.finfo(np.float32).tiny)).all():
        yield "scales must be positive, normal and finite"


def _bias_faults(graph, operator, kernel: WeightOperator, weight) -> Iterator[str]:
    """What is wrong with an operator of integer activations."""
    if blockwise(weight) is not None:
        yield "blocks of weights need float activations"
        return
    inputs, place = operator.inputs, kernel.bias
    if place is None or len(inputs) <= place or inputs[place] < 0:
        return
    bias, data = graph.tensors[inputs[place]], graph.tensors[inputs[kernel.data]]
    (scale,) = data.quantization.scale
    unit = np.float64(scale) * np.asarray(weight.quantization.scale, np.float64)
    units = np.asarray(bias.quantization.scale) if is_quantized(bias) else np.zeros(0)
    wanted = Type.INT64 if data.type == Type.INT16 else Type.INT32
    if bias.type != wanted:
        yield f"its bias must be {type_name(wanted)}; got {type_name(bias.type)}"
    elif units.shape != unit.shape or not np.allclose(units, unit, 1e-5, 0):
        yield "the unit of its bias is not the product of the scales of inputs and weights"


def _block_faults(file: File, graph, weight, blocks) -> Iterator[str]:
    if weight.type != Type.INT4:
        yield "its kernels take blocks of int4 only"
    if blocks.blockSize % BLOCK_MULTIPLE or weight.shape[1] % blocks.blockSize:
        yield (
            f"a block must be a multiple of {BLOCK_MULTIPLE} and divide the {weight.shape[1]} "
            f"inputs; got {blocks.blockSize}"
        )
    if blocks.zeroPoints > 0:
        yield "zero points of blocks are passed over"
    scales = graph.tensors[blocks.scales]
    stored = file.constant(scales)
    if shape_of(scales) != (weight.shape[0], weight.shape[1] // max(blocks.blockSize, 1)):
        yield f"one scale a block is needed; got {list(shape_of(scales))}"
    if scales.type != Type.FLOAT16:
        yield f"the scales of blocks must be float16; got {type_name(scales.type)}"
    elif stored is None:
        yield "the scales of blocks must be constants"
    elif not on_bfloat16_grid(stored.astype(np.float32)):
        yield "scales of blocks that bfloat16 does not hold are rounded to it"
