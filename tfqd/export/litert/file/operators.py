"""The operators that read weights: where they take them, and what their kernels know.

`layouts` holds files to this table, the lowering writes by it, and the checks read
weights back by it.
"""

from typing import NamedTuple

from tfqd.export.litert.file.flatbuffer import Op, Type


class WeightOperator(NamedTuple):
    """An operator that reads a weight.

    data: at which place of its inputs it takes its data.
    weight: the same of its weight.
    bias: the same of its bias; None where it takes none.
    axis: of the weight, along which its output channels and their scales lie.
    versions: by the integer `Type` of a weight that its kernels take, the version
        that TensorFlow's own converter gives the operator then; empty where they
        take none as one scale a channel.
    """

    data: int
    weight: int
    bias: int | None
    axis: int
    versions: dict[int, int]


WEIGHT_OPERATORS = {
    Op.FULLY_CONNECTED: WeightOperator(
        data=0, weight=1, bias=2, axis=0, versions={Type.INT8: 12, Type.INT4: 12, Type.INT2: 12}
    ),
    Op.CONV_2D: WeightOperator(
        data=0, weight=1, bias=2, axis=0, versions={Type.INT8: 5, Type.INT4: 7}
    ),
    Op.DEPTHWISE_CONV_2D: WeightOperator(data=0, weight=1, bias=2, axis=3, versions={Type.INT8: 6}),
    Op.TRANSPOSE_CONV: WeightOperator(data=2, weight=1, bias=3, axis=0, versions={Type.INT8: 3}),
    Op.EMBEDDING_LOOKUP: WeightOperator(
        data=0, weight=1, bias=None, axis=0, versions={Type.INT8: 3, Type.INT4: 4}
    ),
    # How the converter reads a table of embeddings; with integers an EMBEDDING_LOOKUP does.
    Op.GATHER: WeightOperator(data=1, weight=0, bias=None, axis=0, versions={}),
}
INTEGER_KERNELS = {code: entry for code, entry in WEIGHT_OPERATORS.items() if entry.versions}
