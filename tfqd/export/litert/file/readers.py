"""Programs that read TFLite files beside LiteRT, and what each of them runs.

Found out with OpenVINO 2026.4, ai-edge-quantizer 0.10 and tflite-micro
0.dev20261023182759: an operator alone in a file, with each type of weight, read by each
of them. tflite-micro is the interpreter with the reference kernels; those of a chip may
take less.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tfqd.export.litert.file.flatbuffer import File, Op, Type, op_name, type_name
from tfqd.spec.checks import check_choice

LITERT, OPENVINO, QUANTIZER = "litert", "openvino", "ai-edge-quantizer"
MICRO = "tflite-micro"
READERS = (LITERT, OPENVINO, QUANTIZER, MICRO)


class WeightForm(NamedTuple):
    """A weight of integers as an operator reads it.

    code: the operator's `Op`.
    type: of the weight, a `Type`.
    scales: ``"tensor"``, ``"channel"`` or ``"block"``: what has a scale of its own.
    integers: whether the operator's data are integers too.
    wide: whether these have 16 bits.
    """

    code: int
    type: int
    scales: str
    integers: bool
    wide: bool = False


def obstacle(readers: tuple[str, ...], form: WeightForm) -> str | None:
    """What the first of some readers lacks that does not run a weight; None when all run it.

    Args:
        readers: of `READERS`; that `form` is one of LiteRT's own is taken for granted.
        form: of the weight.
    """
    reader = next((name for name in readers if not _RUNS[name](form)), None)
    if reader is None:
        return None
    lacks = f"{reader} has no {op_name(form.code)} of {type_name(form.type)}"
    if _RUNS[reader](form._replace(scales="tensor")):
        return f"{lacks} with a scale a {form.scales}; one scale a tensor would do"
    if _RUNS[reader](form._replace(scales="tensor", integers=True)):
        return f"{lacks} and float activations; pass representative_dataset="
    return lacks


def check_operators(file: File, readers: tuple[str, ...], fixed: bool) -> None:
    """Refuses a file with operators that a reader has not.

    Args:
        file: to be read.
        readers: of `READERS`.
        fixed: whether its batch size is, so that it computes no shapes.

    Raises:
        ValueError: that names the reader and the operators.
    """
    kinds = dict.fromkeys(
        (op_name(file.code(operator)), *(graph.tensors[i].type for i in operator.outputs[:1]))
        for graph in file.graphs
        for operator in graph.operators
    )
    for reader in readers:
        missing = dict.fromkeys(filter(None, (_missing(reader, *kind) for kind in kinds)))
        if missing:
            advice = "" if fixed else "; batch_size=1 may do without"
            raise ValueError(
                f"readers: {reader} has no {', '.join(missing)}, which the model needs{advice}"
            )


def checked_readers(readers: str | Sequence[str]) -> tuple[str, ...]:
    """The names of readers; ValueError naming the argument for any other."""
    names = (readers,) if isinstance(readers, str) else tuple(readers)
    if not names:
        raise ValueError("readers must name at least one; got none")
    for name in names:
        check_choice("readers", name, READERS)
    return names


def _missing(reader: str, name: str, type: int | None = None) -> str | None:
    """What to call an operator that a reader has not, or not for that type; None where it has."""
    if reader in _OPERATORS and name not in _OPERATORS[reader]:
        return name
    types = _TYPES.get((reader, name))
    if type is None or types is None or type in types:
        return None
    return f"{name} of {type_name(type)}"


def _openvino(form: WeightForm) -> bool:
    if form.type == Type.INT4:
        return form.scales != "block" and form.code != Op.CONV_2D
    return form.type == Type.INT8


def _micro(form: WeightForm) -> bool:
    if not form.integers:
        # With a scale a row, its table is read by the first of them.
        table = form.code == Op.EMBEDDING_LOOKUP and form.type == Type.INT8
        return table and form.scales == "tensor"
    if form.code == Op.FULLY_CONNECTED and (form.wide or form.scales != "tensor"):
        # Older kernels read the first scale for all, newer ones round otherwise than LiteRT's,
        # and so do all those of 16 bits.
        return False
    return form.type in (Type.INT8, Type.INT4)


_RUNS: dict[str, Callable[[WeightForm], bool]] = {
    LITERT: lambda form: True,
    OPENVINO: _openvino,
    QUANTIZER: lambda form: form.scales != "block",
    MICRO: _micro,
}

_OPENVINO_OPERATORS = """
    ABS ADD ADD_N ARG_MAX ARG_MIN AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS
    BROADCAST_TO CAST CEIL COMPLEX_ABS CONCATENATION CONV_2D CONV_3D COS CUMSUM DENSIFY
    DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS
    FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GELU GREATER GREATER_EQUAL
    HARD_SWISH L2_NORMALIZATION LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT
    LOGICAL_OR LOGISTIC LOG_SOFTMAX MATRIX_DIAG MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL
    NEG NOT_EQUAL ONE_HOT PACK PAD PADV2 POW PRELU QUANTIZE RANGE RANK REDUCE_ALL REDUCE_ANY
    REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6 RELU_0_TO_1 RESHAPE RESIZE_BILINEAR
    RESIZE_NEAREST_NEIGHBOR REVERSE_SEQUENCE REVERSE_V2 RFFT2D ROUND RSQRT SCATTER_ND
    SEGMENT_SUM SELECT SELECT_V2 SHAPE SIGN SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH
    SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH TILE TOPK_V2
    TRANSPOSE TRANSPOSE_CONV UNIQUE UNPACK WHERE WHILE ZEROS_LIKE
"""
_MICRO_OPERATORS = """
    ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND
    BROADCAST_ARGS BROADCAST_TO CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS CUMSUM
    DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP
    EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND
    GREATER GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL
    LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM
    MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD PADV2 PRELU QUANTIZE READ_VARIABLE REDUCE_ALL
    REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2
    ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V
    SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE
    TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE ZEROS_LIKE
"""
_OPERATORS = {
    OPENVINO: frozenset(_OPENVINO_OPERATORS.split()),
    MICRO: frozenset(_MICRO_OPERATORS.split()),
}
# The types of answers that an operator is there for, where it is not for all.
_TYPES = {(MICRO, "SELECT_V2"): (Type.FLOAT32, Type.INT8, Type.INT16)}
