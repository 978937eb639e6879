"""What a file says of its own sizes: whether it contradicts itself, or asks for absurd memory.

A runtime believes the shapes that a file states, and takes the memory for them before it
computes anything; one bit that flips in a shape of [1, 16] makes it [268435457, 16], 17 GB.
"""

import math
from collections.abc import Iterator

import numpy as np

from tfqd.compressed.packing import packed_bytes
from tfqd.export.litert.file.flatbuffer import File, Op, Type, op_name, shape_of

# Bytes that a computed tensor takes at most, unless the file says that it has larger ones.
USUAL_LARGEST = 2**26

# Bits of an element, by the types whose tensors have a size; strings and resources have none.
_BITS = {
    Type.BOOL: 8,
    Type.INT2: 2,
    Type.INT4: 4,
    Type.INT8: 8,
    Type.UINT8: 8,
    Type.INT16: 16,
    Type.UINT16: 16,
    Type.INT32: 32,
    Type.UINT32: 32,
    Type.INT64: 64,
    Type.UINT64: 64,
    Type.FLOAT16: 16,
    Type.BFLOAT16: 16,
    Type.FLOAT32: 32,
    Type.FLOAT64: 64,
    Type.COMPLEX64: 64,
    Type.COMPLEX128: 128,
}
# Operators whose outputs are as large as the numbers of a constant say: the places of
# their data (None for none) and of the constant, and what shape comes of both.
_GROWING = {
    Op.PAD: (0, 1, lambda shape, amounts: shape + amounts.sum(-1)),
    Op.PADV2: (0, 1, lambda shape, amounts: shape + amounts.sum(-1)),
    Op.MIRROR_PAD: (0, 1, lambda shape, amounts: shape + amounts.sum(-1)),
    Op.TILE: (0, 1, lambda shape, multiples: shape * multiples),
    Op.BROADCAST_TO: (None, 1, lambda _, shape: shape),
    Op.FILL: (None, 0, lambda _, shape: shape),
    Op.RESIZE_BILINEAR: (0, 1, lambda shape, size: [shape[0], *size, shape[-1]]),
    Op.RESIZE_NEAREST_NEIGHBOR: (0, 1, lambda shape, size: [shape[0], *size, shape[-1]]),
    Op.TRANSPOSE_CONV: (None, 0, lambda _, shape: shape),
}


def largest_computed(file: File) -> int:
    """Bytes of the largest tensor that an operator fills, where free dimensions are 1."""
    return max(
        (
            _bytes(tensor.type, shape_of(tensor))
            for graph in file.graphs
            for tensor in graph.tensors
            if file.data(tensor) is None
        ),
        default=0,
    )


def size_faults(file: File, largest: int) -> Iterator[str]:
    """Where a file's shapes are not those of its bytes, or of no tensor that it can have.

    Args:
        file: may be damaged.
        largest: bytes that a computed tensor takes at most.
    """
    for graph in file.graphs:
        for index, tensor in enumerate(graph.tensors):
            fault = _fault(file, tensor, largest)
            if fault is not None:
                yield f"its tensor {index} {fault}"
        for operator in graph.operators:
            size = _grown(file, graph, operator)
            if size > largest:
                yield (
                    f"its {op_name(file.code(operator))} would make {size:,} bytes of its input; "
                    f"at most {largest:,} are computed at a time"
                )


def _fault(file: File, tensor, largest: int) -> str | None:
    shape = shape_of(tensor)
    if any(size < 0 for size in shape):
        return f"has a shape with a size below 0: {list(shape)}"
    size, data = _bytes(tensor.type, shape), file.data(tensor)
    if data is None:
        if size <= largest:
            return None
        return f"of shape {list(shape)} takes {size:,} bytes; none computed takes over {largest:,}"
    # Sparse constants keep fewer numbers, those without a size as many as they like.
    if tensor.sparsity is not None or tensor.type not in _BITS or len(data) == size:
        return None
    return f"of shape {list(shape)} takes {size:,} bytes, and the file has {len(data):,} of it"


def _bytes(type: int, shape) -> int:
    """Bytes of a tensor; 0 for types without a size."""
    return packed_bytes(math.prod(int(size) for size in shape), _BITS.get(type, 0))


def _grown(file: File, graph, operator) -> int:
    """Bytes of an operator's output, where the numbers of a constant decide it; 0 for others."""
    data, place, shape_by = _GROWING.get(file.code(operator), (None, 0, None))
    if shape_by is None:
        return 0
    numbers = file.constant(graph.tensors[operator.inputs[place]])
    if numbers is None or numbers.dtype.kind != "i":
        return 0
    shape = () if data is None else shape_of(graph.tensors[operator.inputs[data]])
    grown = shape_by(np.array(shape, np.int64), numbers.astype(np.int64))
    return _bytes(graph.tensors[operator.outputs[0]].type, np.maximum(grown, 1))
