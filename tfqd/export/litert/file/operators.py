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
    one_scale: the `Type` of weights that they also take with one scale for all
        channels, exactly and in LiteRT as fast, where activations are floats.
    one_scale_of_integers: the same, where activations are integers.
    """

    data: int
    weight: int
    bias: int | None
    axis: int
    versions: dict[int, int]
    one_scale: tuple[int, ...] = ()
    one_scale_of_integers: tuple[int, ...] = ()


WEIGHT_OPERATORS = {
    Op.FULLY_CONNECTED: WeightOperator(
        data=0,
        weight=1,
        bias=2,
        axis=0,
        versions={Type.INT8: 12, Type.INT4: 12, Type.INT2: 12},
        # INT4 of one scale is wrong between floats; INT2 is slow.
        one_scale=(Type.INT8,),
        one_scale_of_integers=(Type.INT8, Type.INT4),
    ),
    Op.CONV_2D: WeightOperator(
        data=0,
        weight=1,
        bias=2,
        axis=0,
        versions={Type.INT8: 5, Type.INT4: 7},
        one_scale_of_integers=(Type.INT8, Type.INT4),
    ),
    Op.DEPTHWISE_CONV_2D: WeightOperator(
        data=0,
        weight=1,
        bias=2,
        axis=3,
        versions={Type.INT8: 6},
        one_scale_of_integers=(Type.INT8,),
    ),
    Op.TRANSPOSE_CONV: WeightOperator(
        data=2,
        weight=1,
        bias=3,
        axis=0,
        versions={Type.INT8: 3},
        one_scale_of_integers=(Type.INT8,),
    ),
    Op.EMBEDDING_LOOKUP: WeightOperator(
        data=0,
        weight=1,
        bias=None,
        axis=0,
        versions={Type.INT8: 3, Type.INT4: 4},
        one_scale=(Type.INT8, Type.INT4),
    ),
    # How the converter reads a table of embeddings; with integers an EMBEDDING_LOOKUP does.
    Op.GATHER: WeightOperator(data=1, weight=0, bias=None, axis=0, versions={}),
}
INTEGER_KERNELS = {code: entry for code, entry in WEIGHT_OPERATORS.items() if entry.versions}


def takes_one_scale(code: int, type: int, integers: bool) -> bool:
    """Whether kernels take a weight of one scale for all of its channels.

    Args:
        code: one of `INTEGER_KERNELS`.
        type: of the weight, a `Type`.
        integers: whether the operator's data are.
    """
    kernel = INTEGER_KERNELS[code]
    return type in (kernel.one_scale_of_integers if integers else kernel.one_scale)
