"""Products as convolutions of 1x1, for readers whose products take one scale alone."""

import math

import numpy as np

from tfqd.export.litert.file.flatbuffer import Op, per_channel
from tfqd.export.litert.file.operators import INTEGER_KERNELS
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.lowering.editing import INTEGER_TYPES, Site
from tfqd.export.litert.lowering.fully_connected import scale_of
from tfqd.export.litert.lowering.weights import IntegerWeight, NoIntegerForm


def in_convolutions_alone(site: Site, weight: IntegerWeight, x: int) -> bool:
    """Whether all readers run a weight in INT8 of CONV_2D, and one does not in a product.

    Args:
        site: a FULLY_CONNECTED operator.
        weight: its weight, [O, I].
        x: the tensor that it takes.
    """
    if weight.blocks > 1 or weight.offset is not None:
        return False
    product, convolution = (
        site.obstacle(code, x, 8, weight.step[:, 0]) for code in (Op.FULLY_CONNECTED, Op.CONV_2D)
    )
    return product is not None and convolution is None


def pointwise_product(
    site: Site, weight: IntegerWeight, x: int, bias: int, y: int, activation: int, size: bool
) -> tuple[str, str]:
    """Writes y = activation(x W^T + bias) as a CONV_2D over the rows of x; see `fully_connected`.

    Args:
        size: whether bytes count more than time: INT4 is unpacked at each run.

    Raises:
        NoIntegerForm: when the number of rows of an example is not known.
    """
    batch, *others = site.shape(y)
    if not others or -1 in others:
        raise NoIntegerForm("a product as CONV_2D needs as many rows in each example")
    outputs, inputs = weight.integers.shape
    steps = weight.step[:, 0]
    bits = site.narrowest(Op.CONV_2D, x, [4, 8] if size and weight.bits <= 4 else [8], steps)
    scales = site.scales(Op.CONV_2D, x, bits, steps)
    rows = weight.integers.reshape(outputs, 1, 1, inputs)
    kernel = site.integers(rows, bits, scales, data=x)
    places = math.prod(others) // outputs
    image = _reshaped(site, x, site.computed_like(x, [batch, places, 1, inputs]))
    result = site.computed_like(y, [batch, places, 1, outputs])
    version = INTEGER_KERNELS[Op.CONV_2D].versions[INTEGER_TYPES[bits]]
    read = [image, kernel, _zeros(site, outputs) if bias < 0 else bias]
    site.add(Op.CONV_2D, read, result, _options(activation), version)
    _reshaped(site, result, y)
    return f"int{bits}", f"{scale_of(scales)}; a product as CONV_2D of 1x1"


def _zeros(site: Site, count: int) -> int:
    """A bias of nothing, which TensorFlow Lite does not run a convolution without."""
    index = site.file.add_constant(site.graph, np.zeros(count, np.int32))
    site.tensor(index).quantization = per_channel(np.ones(1), 0)
    return index


def _options(activation: int):
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideH = options.strideW = 1
    options.dilationHFactor = options.dilationWFactor = 1
    options.fusedActivationFunction = activation
    return options


def _reshaped(site: Site, x: int, y: int) -> int:
    """Fills tensor y with the numbers of x, whose batch it has."""
    shape = site.constant(np.array([-1, *site.shape(y)[1:]], np.int32))
    return site.add(Op.RESHAPE, [x, shape], y)
