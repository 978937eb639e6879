"""Float codebooks, unpacked once when a file is loaded.

No kernel knows codebooks, but runtimes compute once what depends on constants alone.
So the weight of an operator becomes a look-up: several codes lie in one position of
a table of all tuples of codes,

    positions int16 [O, I / n] -> tuples int16 [O, I] -> points float32 [O, I],

and with n = 3 a code of 4 bits takes 5.3. Codes and positions are INT16, which
XNNPACK leaves to the kernels that compute them once; the weight then lies in memory
as float, and the operator is one of float.
"""

import dataclasses
import itertools

import numpy as np

from tfqd.export.litert.file.flatbuffer import Op, Type, operator
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.lowering.editing import Site
from tfqd.export.litert.lowering.matching import Match
from tfqd.export.litert.lowering.weights import NoIntegerForm

_LARGEST_POSITION = 2**15
_BYTES = 2  # of an int16


def unpacked_at_load(site: Site, match: Match) -> tuple[str, str]:
    """Rewrites an operator to look its weight up; see `fully_connected` for what comes back.

    Raises:
        NoIntegerForm: when the codes have several scales or codebooks a channel, or take
            as much room as floats.
    """
    if site.file.code(site.operator) == Op.GATHER:
        raise NoIntegerForm("its points are floats, and a table of them is no smaller unpacked")
    codes = match.laid_out(match.tensor.codes.astype(np.int16))
    points = _points(match, codes)
    levels = points.shape[1]
    length = _tuple_length(levels, codes.shape)
    if _bytes(levels, length, codes.shape) + points.nbytes > 2 * codes.size:
        raise NoIntegerForm("its points are floats, and it is too small for a table of tuples")
    tuples = np.array(list(itertools.product(range(levels), repeat=length)), np.int16)
    rows, columns = codes.shape
    padded = np.zeros((rows, -(-columns // length) * length), np.int16)
    padded[:, :columns] = codes
    powers = levels ** np.arange(length)[::-1]
    positions = (padded.reshape(rows, -1, length) * powers).sum(-1).astype(np.int16)
    shape = list(match.shape)
    index = _gather(site, tuples, positions, [*positions.shape, length], Type.INT16)
    index = _reshape(site, index, list(padded.shape))
    if padded.shape[1] != columns:
        index = _first(site, index, codes.shape)
    index = _reshape(site, index, shape)
    weight = _gather(site, points, index, shape, Type.FLOAT32, by_row=rows > 1 and len(points) > 1)
    old = site.operator
    inputs = [weight if place == 1 else i for place, i in enumerate(old.inputs)]
    site.operators.append(operator(old.opcodeIndex, inputs, old.outputs, old.builtinOptions))
    return "codebook", f"float points, {length} codes in 16 bits, unpacked when the file is loaded"


def _points(match: Match, codes: np.ndarray) -> np.ndarray:
    """What the codes of each channel stand for: float32 [O, k], or [1, k] for all."""
    tensor = match.tensor
    if match.axis != 0:
        raise NoIntegerForm("its points are floats, and its operator takes channels last")
    levels = np.arange(tensor.levels, dtype=np.uint8)
    rows = []
    for level in levels:
        same = dataclasses.replace(tensor, codes=np.full_like(tensor.codes, level))
        values = match.laid_out(same.dequantize())
        if np.ptp(values, axis=1).any():
            raise NoIntegerForm(
                "its points are floats, and a channel has several scales or codebooks"
            )
        rows.append(values[:, 0])
    points = np.stack(rows, 1) * match.factor[:, None]
    points = points.astype(np.float32)
    return points[:1] if (points == points[:1]).all() else points


def _tuple_length(levels: int, shape: tuple[int, ...]) -> int:
    longest = 1
    while levels ** (longest + 1) <= _LARGEST_POSITION:
        longest += 1
    return min(range(1, longest + 1), key=lambda length: _bytes(levels, length, shape))


def _bytes(levels: int, length: int, shape: tuple[int, ...]) -> int:
    rows, columns = shape
    return _BYTES * (length * levels**length + rows * -(-columns // length))


def _gather(site: Site, table: np.ndarray, indices, shape, type: int, by_row=False) -> int:
    options = schema.GatherOptionsT()
    options.axis = options.batchDims = int(by_row)
    if not by_row and type == Type.FLOAT32:
        table = table.reshape(-1)
    if isinstance(indices, np.ndarray):
        indices = site.constant(indices)
    return site.add(Op.GATHER, [site.constant(table), indices], site.computed(shape, type), options)


def _reshape(site: Site, index: int, shape: list[int]) -> int:
    new_shape = site.constant(np.array(shape, np.int32))
    return site.add(Op.RESHAPE, [index, new_shape], site.computed(shape, Type.INT16))


def _first(site: Site, index: int, shape: tuple[int, ...]) -> int:
    """The columns that are no padding."""
    bounds = [[0, 0], list(shape), [1, 1]]
    inputs = [index, *[site.constant(np.array(bound, np.int32)) for bound in bounds]]
    options = schema.StridedSliceOptionsT()
    return site.add(Op.STRIDED_SLICE, inputs, site.computed(shape, Type.INT16), options)
