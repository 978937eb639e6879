"""The forms that a convolution can take, and what each costs.

INT8 kernels convolve fastest. Those of INT4 unpack their weights at every run, and products of
INT4 copy patches of the image. Factors of time were fitted by hand to ResNet-8 in LiteRT 2.3 on
an x86_64 with AVX512 and VNNI, whose layers took each form in turn;
`benchmarks/convolution_forms.py` holds them against layers alone. Other processors have other
numbers and much the same order.
"""

import math

from tfqd.export.litert.file.flatbuffer import Op
from tfqd.export.litert.lowering.editing import Site
from tfqd.export.litert.lowering.forms import ConvolutionForm, Cost
from tfqd.export.litert.lowering.weights import IntegerWeight

# Weights for which the operators of patches are a few percent of the bytes.
_WORTH_PATCHES = 40_000
# Weights for which the operator that takes pixels apart is too, and takes no more time
# than the faster product saves.
_WORTH_PIXELS = 8_000

# Bytes of operators, tensors and constants beside the weights.
_PATCHES, _PIXELS, _POSITION = 1_600, 200, 4
# Time, in multiply-adds of an INT8 kernel: of each number that is put out, and of a multiply-add
# and an output in INT4.
_OUTPUT = 72
_INT4, _INT4_OUTPUT = 3.1, 480
# Such time for each number that is copied in front of a product: into a patch, into one where
# rows are taken with strides, and with its pixel.
_COPY, _STRIDED_COPY, _PIXEL_COPY = 110, 1_130, 650


def preferred_form(site: Site, weight: IntegerWeight, size: bool) -> ConvolutionForm:
    """The form of a CONV_2D by itself, the fastest or about the smallest.

    Args:
        site: the operator.
        weight: with one scale a channel.
        size: whether bytes count more than time.
    """
    pointwise = _is_pointwise(site)
    worth = (_WORTH_PIXELS if _is_strided(site) else 0) if pointwise else _WORTH_PATCHES
    product = weight.integers.size >= worth and _can_be_product(site, weight)
    if not _is_narrow(site, weight) or not (size or (pointwise and product)):
        return ConvolutionForm.INT8
    return ConvolutionForm.PRODUCT if product else ConvolutionForm.INT4


def form_costs(site: Site, weight: IntegerWeight) -> dict[ConvolutionForm, Cost]:
    """What the forms cost that a CONV_2D may take; none where it has no choice.

    Args:
        site: the operator.
        weight: its weights.
    """
    places = _places(site)
    simple = weight.blocks == 1 and weight.offset is None
    if not simple or not _is_narrow(site, weight) or places is None:
        return {}
    x, steps, count = int(site.operator.inputs[0]), weight.step[:, 0], weight.integers.size
    time, outputs = int8_time(site), places * len(steps)
    costs = {ConvolutionForm.INT8: Cost(count, time)}
    if site.obstacle(Op.CONV_2D, x, 4, steps) is None:
        costs[ConvolutionForm.INT4] = Cost(
            count / 2, _INT4 * places * count + _INT4_OUTPUT * outputs
        )
    if _can_be_product(site, weight):
        bytes, copy = _copies(site)
        copied = places * count / len(steps)
        costs[ConvolutionForm.PRODUCT] = Cost(count / 2 + bytes, time + copy * copied)
    return costs


def int8_time(site: Site) -> float:
    """Time of an example in a CONV_2D, FULLY_CONNECTED or DEPTHWISE_CONV_2D, in INT8 multiply-adds.

    It is 0 where the file does not say how many places of the input the weights meet.
    """
    places = _places(site) or 0
    return places * (math.prod(_kernel(site)) + _OUTPUT * site.shape(_output(site))[-1])


def _copies(site: Site) -> tuple[int, int]:
    """What a product takes for its patches or pixels: bytes, and the time for each number."""
    if _is_pointwise(site):
        return (_PIXELS, _PIXEL_COPY) if _is_strided(site) else (0, 0)
    positions = site.shape(_output(site))[2] * _kernel(site)[2]
    return _PATCHES + _POSITION * positions, _STRIDED_COPY if _is_strided(site) else _COPY


def _places(site: Site) -> int | None:
    """How often an example meets the weights; None where the file leaves that free."""
    sizes = site.shape(_output(site))[1:-1]
    return None if -1 in sizes else math.prod(sizes)


def _can_be_product(site: Site, weight: IntegerWeight) -> bool:
    x, steps = int(site.operator.inputs[0]), weight.step[:, 0]
    if not _is_pointwise(site) and -1 in site.shape(x)[1:]:
        return False  # patches are of an image of known size
    return _is_ungrouped(site) and site.obstacle(Op.FULLY_CONNECTED, x, 4, steps) is None


def _is_narrow(site: Site, weight: IntegerWeight) -> bool:
    return weight.bits <= 4 and _is_ungrouped(site)


def _is_ungrouped(site: Site) -> bool:
    return _kernel(site)[3] == site.shape(int(site.operator.inputs[0]))[-1]


def _is_pointwise(site: Site) -> bool:
    return _kernel(site)[1:3] == [1, 1]


def _is_strided(site: Site) -> bool:
    return (site.options.strideH, site.options.strideW) != (1, 1)


def _kernel(site: Site) -> list[int]:
    return site.shape(int(site.operator.inputs[1]))


def _output(site: Site) -> int:
    return int(site.operator.outputs[0])
