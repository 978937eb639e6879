"""Convolutions with integer weights, and as products of patches.

The kernels that convolve with INT4 are slow. So weights of 4 bits lie in INT8 (they take
the room of 8 bits and compress to that of 4), or the convolution becomes a
FULLY_CONNECTED operator over patches of the image. The patches take operators, some
kilobyte: small convolutions rather stay, with INT4. A 1x1 convolution is a
FULLY_CONNECTED operator as it is, and one with strides after the pixels that it looks at
are taken apart. `convolution_forms` says which is preferred, and `forms` chooses.
"""

import numpy as np

from tfqd.export.litert.file.flatbuffer import Op, operator
from tfqd.export.litert.file.operators import INTEGER_KERNELS
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.lowering.editing import INTEGER_TYPES, Site
from tfqd.export.litert.lowering.forms import ConvolutionForm
from tfqd.export.litert.lowering.fully_connected import fully_connected, scale_of
from tfqd.export.litert.lowering.weights import IntegerWeight, NoIntegerForm

_SAME = schema.Padding.SAME


def convolution(site: Site, weight: IntegerWeight, form: ConvolutionForm) -> tuple[str, str]:
    """Rewrites a CONV_2D; see `fully_connected` for what comes back.

    Args:
        site: the operator.
        weight: its weights, [O, kh * kw * I].
        form: of weights of one scale a channel; those of several are products.
    """
    options = site.options
    x, bias = int(site.operator.inputs[0]), _bias(site)
    kernel, stride = site.shape(int(site.operator.inputs[1])), (options.strideH, options.strideW)
    if weight.blocks == 1 and weight.offset is None:
        if form is ConvolutionForm.INT8:
            return in_place(site, weight, 8, "a convolution, which has no fast kernel below 8 bits")
        if form is ConvolutionForm.INT4:
            return in_place(site, weight, 4, "a convolution not worth patches")
    if kernel[3] != site.shape(x)[-1]:
        raise NoIntegerForm("it is a grouped convolution with several buckets a channel")
    if kernel[1:3] == [1, 1]:
        x = pixels(site, x, stride)
        note = "a 1x1 convolution as FULLY_CONNECTED"
    else:
        x = patches(site, x, kernel[1:3], stride)
        note = "a convolution as patches and FULLY_CONNECTED"
    y = int(site.operator.outputs[0])
    activation = options.fusedActivationFunction
    type, reason = fully_connected(site, weight, x, bias, y, activation, int2=False)
    return type, f"{note}; {reason}"


def in_place(
    site: Site, weight: IntegerWeight, bits: int, reason: str, axis: int = 0
) -> tuple[str, str]:
    """Leaves the operator what it is, and gives it integer weights.

    Args:
        site: an operator whose second input is the weight.
        weight: with one scale a channel.
        bits: of the type, 8 or 4; 8 too where a reader does not run 4.
        reason: why it is that one.
        axis: of the output channel.

    Raises:
        NoIntegerForm: when the weight has several scales a channel, or offsets.
    """
    if weight.blocks > 1 or weight.offset is not None:
        raise NoIntegerForm("its kernel takes one scale a channel, without an offset")
    old = site.operator
    shape = site.shape(int(old.inputs[1]))
    rows = weight.integers.reshape([shape[axis], *shape[:axis], *shape[axis + 1 :]])
    code = site.file.code(old)
    data = int(old.inputs[INTEGER_KERNELS[code].data])
    steps = weight.step[:, 0]
    bits = site.narrowest(code, data, [4, 8] if bits == 4 else [8], steps)
    scales = site.scales(code, data, bits, steps)
    index = site.integers(np.moveaxis(rows, 0, axis), bits, scales, axis, data)
    inputs = [index if place == 1 else i for place, i in enumerate(old.inputs)]
    version = INTEGER_KERNELS[code].versions[INTEGER_TYPES[bits]]
    code_index = site.file.add_operator_code(code, version)
    site.operators.append(operator(code_index, inputs, old.outputs, old.builtinOptions))
    scale = scale_of(scales)
    return f"int{bits}", scale if weight.bits == 8 else f"{scale}; {reason}"


def pixels(site: Site, x: int, stride: tuple[int, int]) -> int:
    """The pixels at steps of the stride, from the first on: [N, Ho, Wo, C].

    They are what a window of 1x1 looks at, however the image is padded. To pool
    single pixels takes them apart exactly, and faster than STRIDED_SLICE, whose
    kernels in LiteRT go number by number.
    """
    if stride == (1, 1):
        return x
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.filterHeight = options.filterWidth = 1
    options.strideH, options.strideW = stride
    batch, _, _, channels = site.shape(x)
    _, out_height, out_width, _ = site.shape(int(site.operator.outputs[0]))
    shape = [batch, out_height, out_width, channels]
    return site.add(Op.AVERAGE_POOL_2D, [x], site.computed_like(x, shape), options)


def patches(site: Site, x: int, window: list[int], stride: tuple[int, int]) -> int:
    """What each output of a convolution looks at, side by side: [N, Ho, Wo, kh * kw * C].

    The columns are gathered by a small table of positions, then the rows are
    sliced and joined: of all ways to write it, this one takes few operators
    and no table of the size of the image.
    """
    options = site.options
    _, height, width, channels = site.shape(x)
    _, out_height, out_width, _ = site.shape(int(site.operator.outputs[0]))
    if -1 in (height, width, out_height, out_width):
        raise NoIntegerForm("a convolution as patches needs an image of known size")
    dilation = (options.dilationHFactor, options.dilationWFactor)
    reach = [
        (out - 1) * step + (length - 1) * spread + 1
        for out, step, length, spread in zip(
            (out_height, out_width), stride, window, dilation, strict=True
        )
    ]
    batch = site.shape(x)[0]
    x = _padded(site, x, reach, options.padding)
    rows, columns = window
    starts = np.arange(out_width)[:, None] * stride[1]
    positions = (starts + np.arange(columns) * dilation[1]).reshape(-1)
    across = [batch, max(reach[0], height), len(positions), channels]
    gather = schema.GatherOptionsT()
    gather.axis = 2
    table = site.constant(positions.astype(np.int32))
    gathered = site.add(Op.GATHER, [x, table], site.computed_like(x, across), gather)
    wide = [batch, across[1], out_width, columns * channels]
    shape = site.constant(np.array([-1, *wide[1:]], np.int32))
    x = site.add(Op.RESHAPE, [gathered, shape], site.computed_like(x, wide))
    slices = [_rows(site, x, row * dilation[0], stride[0], out_height) for row in range(rows)]
    if rows == 1:
        return slices[0]
    join = schema.ConcatenationOptionsT()
    join.axis = 3
    joined = [batch, out_height, out_width, rows * columns * channels]
    return site.add(Op.CONCATENATION, slices, site.computed_like(x, joined), join)


def _bias(site: Site) -> int:
    inputs = site.operator.inputs
    return int(inputs[2]) if len(inputs) > 2 else -1


def _padded(site: Site, x: int, reach: list[int], padding: int) -> int:
    batch, height, width, channels = site.shape(x)
    missing = [max(0, r - size) for r, size in zip(reach, (height, width), strict=True)]
    if padding != _SAME or missing == [0, 0]:
        return x
    # As TensorFlow pads: what is odd goes to the end.
    amounts = [[0, 0], *[[m // 2, m - m // 2] for m in missing], [0, 0]]
    shape = [batch, height + missing[0], width + missing[1], channels]
    table = site.constant(np.array(amounts, np.int32))
    return site.add(Op.PAD, [x, table], site.computed_like(x, shape), schema.PadOptionsT())


def _rows(site: Site, x: int, first: int, stride: int, count: int) -> int:
    """`count` rows of an image, every `stride`-th from the first on."""
    batch, height, width, channels = site.shape(x)
    if (first, stride, count) == (0, 1, height):
        return x
    last = first + (count - 1) * stride + 1
    bounds = [[0, first, 0, 0], [0, last, 0, 0], [1, stride, 1, 1]]
    options = schema.StridedSliceOptionsT()
    options.beginMask = options.endMask = 0b1101  # all of the other axes
    inputs = [x, *[site.constant(np.array(bound, np.int32)) for bound in bounds]]
    shape = [batch, count, width, channels]
    return site.add(Op.STRIDED_SLICE, inputs, site.computed_like(x, shape), options)
