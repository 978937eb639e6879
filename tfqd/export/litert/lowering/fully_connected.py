"""FULLY_CONNECTED with integer weights: one scale a channel, blocks, offsets.

Kernels of integers know y = sum(q x) * scale. Offsets are added beside them,

    sum((q * step + offset) x) = step * sum(q x) + offset * sum(x),

with the sum of x over each block times the offsets, a small float product. Where
no kernel knows the blocks, x is cut into them and each has an operator of its own.
"""

import numpy as np

from tfqd.export.litert.file.flatbuffer import Op, Type
from tfqd.export.litert.file.layouts import BLOCK_MULTIPLE, on_bfloat16_grid
from tfqd.export.litert.file.operators import INTEGER_KERNELS
from tfqd.export.litert.file.readers import WeightForm, obstacle
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.lowering.editing import Site
from tfqd.export.litert.lowering.weights import IntegerWeight, NoIntegerForm

_MOST_CUTS = 64
# The version of the operator where its weights are floats.
_FLOAT_VERSION = 6


def fully_connected(
    site: Site, weight: IntegerWeight, x: int, bias: int, y: int, activation: int, int2: bool
) -> tuple[str, str]:
    """Writes y = activation(x W^T + bias).

    Args:
        site: where it is written.
        weight: W, [O, I].
        x: tensor [..., I].
        bias: tensor [O], or -1.
        y: tensor [..., O] to fill.
        activation: a fused activation.
        int2: whether weights of 2 bits stay so, rather than to lie in INT4.

    Returns:
        The type that the weight got, and why.

    Raises:
        NoIntegerForm: when no operators compute it exactly.
    """
    integers, offset = weight.integers, weight.offset
    x = _flattened(site, x, integers.shape[1])
    widths, steps = _widths(integers, int2), weight.step[:, 0]
    if weight.blocks == 1:
        bits = site.narrowest(Op.FULLY_CONNECTED, x, widths, steps)
        scales = site.scales(Op.FULLY_CONNECTED, x, bits, steps)
        reason = scale_of(scales)
        product = _scaled(integers, bits, scales)
    elif _fits_blocks(site, weight, bits := widths[0]):
        reason = f"one scale for {weight.block} inputs, on the bfloat16 grid"
        product = _blockwise(integers, weight)
    else:
        if weight.blocks > _MOST_CUTS:
            raise NoIntegerForm(f"{weight.blocks} buckets a channel are more than {_MOST_CUTS}")
        bits = site.narrowest(Op.FULLY_CONNECTED, x, widths, steps)
        reason = f"cut into {weight.blocks} buckets of {weight.block} inputs"
        product = _cut(integers, bits, weight)
    type = f"int{bits}"
    if offset is None:
        product(site, x, bias, y, activation)
        return type, reason
    partial = site.computed(site.shape(y))
    product(site, x, -1, partial, 0)
    sums = _block_sums(site, x, weight)
    other = site.computed(site.shape(y))
    _operator(site, sums, site.constant(offset), bias, other, 0)
    site.add(Op.ADD, [partial, other], y, _add_options(activation))
    return type, f"{reason}; offsets times the inputs' sums"


def scale_of(scales: np.ndarray) -> str:
    """What a report says of the scales of a weight's channels."""
    return "one scale" if len(scales) == 1 else "one scale a channel"


def _flattened(site: Site, x: int, inputs: int) -> int:
    """x as [..., I]: without keep_num_dims the operator takes any shape of as many numbers."""
    if site.shape(x)[-1] == inputs:
        return x
    shape = [-1, inputs]
    new_shape = site.constant(np.array(shape, np.int32))
    return site.add(Op.RESHAPE, [x, new_shape], site.computed_like(x, shape))


def _widths(integers: np.ndarray, int2: bool) -> list[int]:
    """The bits of types that hold the integers, the narrowest first."""
    low, high = int(integers.min()), int(integers.max())
    inputs = integers.shape[1]
    widths = [4, 8] if low >= -8 and high <= 7 else [8]
    return [2, *widths] if int2 and inputs % 4 == 0 and low >= -2 and high <= 1 else widths


def _scaled(integers, bits, scale):
    def write(site, x, bias, y, activation):
        _operator(site, x, site.integers(integers, bits, scale, data=x), bias, y, activation)

    return write


def _fits_blocks(site: Site, weight: IntegerWeight, bits: int) -> bool:
    form = WeightForm(Op.FULLY_CONNECTED, Type.INT4, "block", integers=False)
    if obstacle(site.readers, form) is not None:
        return False
    whole = weight.block % BLOCK_MULTIPLE == 0 and weight.integers.shape[1] % weight.block == 0
    return bits == 4 and whole and on_bfloat16_grid(weight.step)


def _blockwise(integers, weight):
    def write(site, x, bias, y, activation):
        blocks = schema.BlockwiseQuantizationT()
        blocks.scales = site.constant(weight.step.astype(np.float16))
        blocks.zeroPoints = -1
        blocks.blockSize = weight.block
        quantization = schema.QuantizationParametersT()
        quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
        quantization.details = blocks
        quantization.quantizedDimension = 0
        index = site.quantized(integers, 4, quantization)
        _operator(site, x, index, bias, y, activation)

    return write


def _cut(integers, bits, weight):
    def write(site, x, bias, y, activation):
        starts = range(0, integers.shape[1], weight.block)
        parts = _parts(site, x, [min(weight.block, integers.shape[1] - s) for s in starts])
        total = None
        for number, (start, part) in enumerate(zip(starts, parts, strict=True)):
            last = number == len(parts) - 1
            rows = np.ascontiguousarray(integers[:, start : start + weight.block])
            index = site.integers(rows, bits, weight.step[:, number])
            product = site.computed(site.shape(y))
            # The first part carries the bias, the last sum the activation.
            _operator(site, part, index, -1 if number else bias, product, 0)
            if total is None:
                total = product
                continue
            result = y if last else site.computed(site.shape(y))
            site.add(Op.ADD, [total, product], result, _add_options(activation if last else 0))
            total = result

    return write


def _parts(site: Site, x: int, sizes: list[int]) -> list[int]:
    """x cut along its last axis."""
    shape = site.shape(x)
    parts = [site.computed([*shape[:-1], size]) for size in sizes]
    options = schema.SplitVOptionsT()
    options.numSplits = len(sizes)
    inputs = [x, site.constant(np.array(sizes, np.int32))]
    inputs.append(site.constant(np.array(len(shape) - 1, np.int32)))
    site.add(Op.SPLIT_V, inputs, parts[0], options, version=2)
    site.operators[-1].outputs = np.array(parts, np.int32)
    return parts


def _block_sums(site: Site, x: int, weight: IntegerWeight) -> int:
    """The sum of x over each block: tensor [..., B]."""
    shape = site.shape(x)
    inputs = weight.integers.shape[1]
    if inputs % weight.block:
        sizes = [min(weight.block, inputs - s) for s in range(0, inputs, weight.block)]
        sums = [_sum(site, part) for part in _parts(site, x, sizes)]
        options = schema.ConcatenationOptionsT()
        options.axis = len(shape) - 1
        return site.add(
            Op.CONCATENATION, sums, site.computed([*shape[:-1], weight.blocks]), options
        )
    if weight.blocks == 1:
        return _sum(site, x)
    if shape[:-1].count(-1) > 1:
        raise NoIntegerForm("its buckets have offsets, and its input several free dimensions")
    cut = [*shape[:-1], weight.blocks, weight.block]
    new_shape = site.constant(np.array(cut, np.int32))
    blocks = site.add(Op.RESHAPE, [x, new_shape], site.computed(cut))
    return _sum(site, blocks, keep=False)


def _sum(site: Site, x: int, keep: bool = True) -> int:
    shape = site.shape(x)
    options = schema.ReducerOptionsT()
    options.keepDims = keep
    axis = site.constant(np.array([len(shape) - 1], np.int32))
    result = site.computed([*shape[:-1], 1] if keep else shape[:-1])
    return site.add(Op.SUM, [x, axis], result, options)


def _operator(site: Site, x: int, weight: int, bias: int, y: int, activation: int) -> None:
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = activation
    options.keepNumDims = len(site.shape(y)) > 2
    versions = INTEGER_KERNELS[Op.FULLY_CONNECTED].versions
    version = versions.get(site.tensor(weight).type, _FLOAT_VERSION)
    site.add(Op.FULLY_CONNECTED, [x, weight, bias], y, options, version)


def _add_options(activation: int):
    options = schema.AddOptionsT()
    options.fusedActivationFunction = activation
    return options
