"""Tables of embeddings in INT8 and, where rows begin at bytes, in INT4, one scale a row."""

import math

import numpy as np

from tfqd.export.litert.file.flatbuffer import Op, Type
from tfqd.export.litert.file.operators import INTEGER_KERNELS
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.lowering.editing import INTEGER_TYPES, Site
from tfqd.export.litert.lowering.weights import IntegerWeight, NoIntegerForm


def embedding(site: Site, weight: IntegerWeight) -> tuple[str, str]:
    """Rewrites a GATHER of rows of a table; see `fully_connected` for what comes back.

    GATHER keeps one scale a tensor; EMBEDDING_LOOKUP takes one a row, and indices
    in a list.
    """
    if site.options.axis != 0 or site.options.batchDims != 0:
        raise NoIntegerForm("it is gathered along another axis than its rows")
    if weight.blocks > 1 or weight.offset is not None:
        raise NoIntegerForm("EMBEDDING_LOOKUP takes one scale a row, without an offset")
    indices, y = int(site.operator.inputs[1]), int(site.operator.outputs[0])
    rows, width = [-1], weight.integers.shape[1]
    widths = [4, 8] if weight.bits <= 4 and width % 2 == 0 else [8]
    steps = weight.step[:, 0]
    bits = site.narrowest(Op.EMBEDDING_LOOKUP, indices, widths, steps)
    scales = site.scales(Op.EMBEDDING_LOOKUP, indices, bits, steps)
    table = site.integers(weight.integers, bits, scales)
    shape, result_shape = site.shape(indices), site.shape(y)
    count = math.prod(size for size in shape if size != -1)
    as_list = indices
    if len(shape) != 1:
        flat = site.constant(np.array(rows, np.int32))
        type = site.tensor(indices).type
        as_list = site.add(Op.RESHAPE, [indices, flat], site.computed(rows, type, count))
    if site.tensor(indices).type != Type.INT32:
        as_list = site.add(
            Op.CAST, [as_list], site.computed(rows, Type.INT32, count), schema.CastOptionsT()
        )
    found = y if len(shape) == 1 else site.computed([-1, width], free=count)
    version = INTEGER_KERNELS[Op.EMBEDDING_LOOKUP].versions[INTEGER_TYPES[bits]]
    site.add(Op.EMBEDDING_LOOKUP, [as_list, table], found, version=version)
    if len(shape) != 1:
        site.add(Op.RESHAPE, [found, _shape(site, indices, result_shape)], y)
    reason = "one scale" if len(scales) == 1 else "one scale a row"
    if weight.bits <= 4 and width % 2:
        reason = f"{reason}; rows of odd width do not begin at bytes in INT4"
    return f"int{bits}", reason


def _shape(site: Site, indices: int, shape: list[int]) -> int:
    """The shape of the result: a constant, or computed where several dimensions are free."""
    if shape.count(-1) <= 1:
        return site.constant(np.array(shape, np.int32))
    options = schema.ShapeOptionsT()
    options.outType = Type.INT32
    rank = len(shape) - 1
    leading = site.add(Op.SHAPE, [indices], site.computed([rank], Type.INT32), options)
    join = schema.ConcatenationOptionsT()
    join.axis = 0
    width = site.constant(np.array(shape[-1:], np.int32))
    whole = site.computed([rank + 1], Type.INT32)
    return site.add(Op.CONCATENATION, [leading, width], whole, join)
