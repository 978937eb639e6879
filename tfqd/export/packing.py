"""The quantized tensors of a model in two arrays: all codes, all numbers.

A variable costs a SavedModel some 2 KB of graph, so the tensors share two. For
each tensor they hold, one after the other,

* codes, uint8: cut into planes whose widths divide a byte (3 bits are a plane of
  1 and a plane of 2), each packed without gaps. The bytes number what the bits
  ask for, and a table of 256 rows decodes each of them. Behind them stand codebooks
  whose points are all 8-bit floats;
* numbers, float32: the steps of the buckets, which levels are multiplied by, unless all
  are 1; their offsets, with affine scaling; other codebooks. All have 2^bits points.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from tfqd.compressed import QuantizedTensor, float8
from tfqd.compressed.packing import pack, packed_bytes
from tfqd.spec.bucketing import Bucketing
from tfqd.spec.grid import zero_code


class Format(NamedTuple):
    """How the parts of a tensor are to be read; few tensors of a model differ in it.

    bits: bits per code.
    scaled: whether the buckets have steps.
    affine: whether the buckets have offsets.
    codebook: whether codes index points; else a code less `zero` is a level.
    short_points: whether the points are 8-bit floats.
    by_tile: whether each bucket has a codebook.
    channels_per_codebook: output channels that share a codebook, of several.
    zero: the code of 0 with symmetric scaling; 0 with affine scaling.
    """

    bits: int
    scaled: bool
    affine: bool
    codebook: bool
    short_points: bool
    by_tile: bool
    channels_per_codebook: int | None
    zero: float


class Geometry(NamedTuple):
    """A stored tensor as a block [outer, along, inner] that is cut along its middle.

    Along it lie `buckets` buckets of `length`, the last one shorter. Steps and
    offsets are stored as [outer, buckets, inner]; in layout ``tile`` as
    [rows, buckets, 1], each for `height` of the outer.
    """

    outer: int
    along: int
    inner: int
    buckets: int
    length: int
    height: int

    @property
    def size(self) -> int:
        """Number of weights."""
        return self.outer * self.along * self.inner

    @property
    def bucket_count(self) -> int:
        """Number of buckets in the whole block."""
        return self.rows * self.buckets * self.inner

    @property
    def rows(self) -> int:
        """Rows of buckets along the outer axis."""
        return -(-self.outer // self.height)


class PackedTensor(NamedTuple):
    """What a tensor's codes and numbers are; they lie behind those of the tensor before.

    shape: of the weights.
    permutation: order in which the weights' axes are stored. It is their own
        but for kernels whose output channel lies in the middle.
    """

    format: Format
    geometry: Geometry
    shape: tuple[int, ...]
    permutation: tuple[int, ...]

    @property
    def plane_sizes(self) -> list[int]:
        """Bytes of each plane, from the lowest bits upwards."""
        return [packed_bytes(self.geometry.size, width) for width in plane_widths(self.format.bits)]

    @property
    def number_sizes(self) -> list[int]:
        """How many steps, offsets and points there are."""
        sizes = [self.geometry.bucket_count] * (self.format.scaled + self.format.affine)
        return sizes if self.format.short_points else [*sizes, *self.point_sizes]

    @property
    def byte_sizes(self) -> list[int]:
        """Bytes of the planes and of points that are 8-bit floats."""
        return [*self.plane_sizes, *(self.point_sizes if self.format.short_points else [])]

    @property
    def point_sizes(self) -> list[int]:
        """How many points there are, if any."""
        return [self.codebooks * 2**self.format.bits] if self.format.codebook else []

    @property
    def codebooks(self) -> int:
        """How many codebooks there are."""
        if not self.format.codebook:
            return 0
        if self.format.by_tile:
            return self.geometry.bucket_count
        channels = self.geometry.outer * self.geometry.inner
        return -(-channels // (self.format.channels_per_codebook or channels))


class Packed(NamedTuple):
    """The two arrays, codes and numbers, and the tensors in them."""

    codes: np.ndarray
    numbers: np.ndarray
    tensors: list[PackedTensor]


def plane_widths(bits: int) -> tuple[int, ...]:
    """Widths in bits of the planes of a code, from its lowest bits upwards.

    Example:

    >>> plane_widths(4), plane_widths(7)
    ((4,), (1, 2, 4))
    """
    return tuple(width for width in (1, 2, 4, 8) if bits & width)


def pack_tensors(tensors: Iterable[QuantizedTensor]) -> Packed:
    """Packs one tensor or more, one after the other."""
    codes: list[np.ndarray] = []
    numbers: list[np.ndarray] = []
    packed: list[PackedTensor] = []
    for tensor in tensors:
        order = _stored_order(tensor.bucketing)
        geometry = _geometry(tensor.bucketing)
        packed.append(PackedTensor(_format(tensor), geometry, tensor.shape, order))
        codes += _planes(tensor.codes.transpose(order).reshape(-1), tensor.bits)
        numbers += _numbers(tensor)
        if tensor.points is not None:
            points = _padded_points(tensor.points, tensor.bits)
            if tensor.has_short_points:
                codes.append(float8.to_bytes(points))
            else:
                numbers.append(points)
    numbers = numbers or [np.empty(0, np.float32)]
    return Packed(np.concatenate(codes), np.concatenate(numbers), packed)


def _format(tensor: QuantizedTensor) -> Format:
    affine, codebook = tensor.offset is not None, tensor.points is not None
    zero = 0.0 if affine or codebook else zero_code(tensor.levels)
    return Format(
        bits=tensor.bits,
        scaled=tensor.is_scaled or not codebook,
        affine=affine,
        codebook=codebook,
        short_points=tensor.has_short_points,
        by_tile=codebook and tensor.bucketing.layout == "tile",
        channels_per_codebook=tensor.channels_per_codebook,
        zero=zero,
    )


def _stored_order(bucketing: Bucketing) -> tuple[int, ...]:
    """Channels last stay there, so that no transposition is needed; others come first."""
    return tuple(range(len(bucketing.shape))) if bucketing.channels_last else bucketing.permutation


def _geometry(bucketing: Bucketing) -> Geometry:
    cut = bucketing.buckets_per_row, bucketing.width, bucketing.height
    if bucketing.channels_last:
        return Geometry(1, bucketing.row_length, bucketing.channels, *cut)
    return Geometry(bucketing.channels, bucketing.row_length, 1, *cut)


def _planes(codes: np.ndarray, bits: int) -> Iterator[np.ndarray]:
    shift = 0
    for width in plane_widths(bits):
        plane = codes >> np.uint8(shift) & np.uint8(2**width - 1)
        yield np.frombuffer(pack(plane, width), np.uint8)
        shift += width


def _numbers(tensor: QuantizedTensor) -> Iterator[np.ndarray]:
    if tensor.points is not None:
        step = tensor.scale
    else:
        # Divided here, in numpy, as `QuantizedTensor.dequantize` divides.
        intervals = zero_code(tensor.levels) if tensor.offset is None else tensor.levels - 1
        step = tensor.scale / np.float32(intervals)
    if tensor.is_scaled or tensor.points is None:
        yield _in_stored_order(step, tensor.bucketing)
    if tensor.offset is not None:
        yield _in_stored_order(tensor.offset, tensor.bucketing)


def _padded_points(points: np.ndarray, bits: int) -> np.ndarray:
    """The codebooks end to end, each with 2^bits points."""
    codebooks = np.atleast_2d(points)
    return np.pad(codebooks, ((0, 0), (0, 2**bits - codebooks.shape[1]))).reshape(-1)


def _in_stored_order(per_bucket: np.ndarray, bucketing: Bucketing) -> np.ndarray:
    """By row, then along the row -> [outer, buckets, inner]."""
    if not bucketing.channels_last:
        return per_bucket
    return per_bucket.reshape(bucketing.rows, bucketing.buckets_per_row).T.reshape(-1)
