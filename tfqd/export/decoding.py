"""Packed codes on disk, weights in memory: decoded once, when a model is loaded.

Loading a SavedModel, in TensorFlow Serving as in any other runtime, restores
the checkpoint and then runs every resource's `_initialize`. `DecodedWeights`
fills a variable then: one that is empty in the checkpoint. Like all variables
it lives as long as a function that reads it, so that a client may keep a
signature alone.

Each variable costs graph and loading time, so weights share one where they can:
at multiples of 64 values, TensorFlow cuts a tensor into parts without a copy. Of
a weight whose size is no such multiple, the part would be copied at every call.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tfqd.compressed import float8
from tfqd.export.packing import Format, Geometry, Packed, PackedTensor, plane_widths

_ALIGNMENT = 64
_CHEAP_TO_COPY = 4096


class Storage(tf.Module):
    """The variables that a checkpoint holds in place of quantized weights.

    Attributes:
        codes: uint8 variable, see `tfqd.export.packing`.
        numbers: float32 variable.
        tensors: what they hold.
    """

    def __init__(self, packed: Packed):
        super().__init__()
        self.codes = tf.Variable(packed.codes, trainable=False)
        self.numbers = tf.Variable(packed.numbers, trainable=False)
        self.tensors = tuple(packed.tensors)

    def decode(self) -> list[tf.Tensor]:
        """The weights, float32 in row-major order, in whatever shape.

        Bit for bit they are what `QuantizedTensor.dequantize` gives.
        """
        byte_sizes = [size for tensor in self.tensors for size in tensor.byte_sizes]
        number_sizes = [size for tensor in self.tensors for size in tensor.number_sizes]
        parts = iter(tf.split(self.codes, byte_sizes))
        numbers = iter(tf.split(self.numbers, number_sizes) if number_sizes else [])
        tables = _Tables()
        return [_decode(tensor, parts, numbers, tables) for tensor in self.tensors]


def can_share(size: int) -> bool:
    """Whether a weight of `size` values costs nothing in a variable with others."""
    return size % _ALIGNMENT == 0 or size <= _CHEAP_TO_COPY


class DecodedWeights(tf.Module):
    """Weights in memory whose packed form is on disk.

    Args:
        storage: holds the packed form. Its tensors are one, or several that
            `can_share`.
        dtype: floating-point type to hold the weights in.
    """

    def __init__(self, storage: Storage, dtype: tf.DType):
        super().__init__()
        self._storage = storage
        self._shapes = [tensor.shape for tensor in storage.tensors]
        self._lines = [-(-math.prod(shape) // _ALIGNMENT) for shape in self._shapes]
        # A checkpoint takes nothing of a variable whose shape is open, and loading gives it all.
        self._weights = tf.Variable(
            tf.zeros([0], dtype), shape=tf.TensorShape(None), trainable=False
        )
        self._loading = _OnLoading(self.decode)

    def decode(self) -> None:
        """Fills the variable from the packed form."""
        dtype = self._weights.dtype
        weights = [tf.cast(weight, dtype) for weight in self._storage.decode()]
        if len(weights) == 1:
            value = tf.reshape(weights[0], self._shape)
        else:
            value = tf.concat([_to_lines(weight) for weight in weights], axis=0)
        self._weights.assign(value)

    def read(self) -> list[tf.Tensor]:
        """The weights, in `dtype`."""
        value = tf.ensure_shape(self._weights.read_value(), self._shape)
        if len(self._shapes) == 1:
            return [value]
        parts = zip(tf.split(value, self._lines), self._shapes, strict=True)
        return [_from_lines(lines, shape) for lines, shape in parts]

    @property
    def _shape(self) -> tuple[int, ...]:
        """The shape of what is decoded: a lone weight's own; lines of 64 values for several."""
        alone = len(self._shapes) == 1
        return self._shapes[0] if alone else (sum(self._lines), _ALIGNMENT)


class _OnLoading(tf.saved_model.experimental.TrackableResource):
    """Runs a function when a SavedModel is loaded, once its checkpoint is restored.

    Nothing ever reads the resource itself.
    """

    def __init__(self, function: Callable[[], None]):
        super().__init__()
        self._function = function
        # Made now: a handle first asked for in a traced function would be that function's.
        self._made = self.resource_handle

    def _create_resource(self) -> tf.Tensor:
        return tf.raw_ops.VarHandleOp(dtype=tf.bool, shape=[], shared_name="tfqd_on_loading")

    def _initialize(self) -> None:
        self._function()


class _Tables:
    """What each byte of a plane stands for, in the graph once for all tensors."""

    def __init__(self):
        self._codes = {}
        self._levels = {}
        self._float8 = None

    def codes(self, width: int, shift: int) -> tf.Tensor:
        """The codes' part that comes from a plane: int32 [256, 8 / width]."""
        if (width, shift) not in self._codes:
            shifts = np.arange(0, 8, width)
            codes = tf.range(256)[:, tf.newaxis] // 2**shifts % 2**width
            self._codes[width, shift] = codes * 2**shift
        return self._codes[width, shift]

    def levels(self, format: Format) -> tf.Tensor:
        """What each code of a byte stands for on a uniform grid: float32."""
        if format not in self._levels:
            self._levels[format] = _level(format, self.codes(format.bits, 0), None)
        return self._levels[format]

    def float8(self) -> tf.Tensor:
        """The 8-bit float of each byte: float32 [256]."""
        if self._float8 is None:
            self._float8 = tf.constant(float8.NUMBERS)
        return self._float8


def _decode(
    tensor: PackedTensor, parts: Iterator[tf.Tensor], numbers: Iterator[tf.Tensor], tables: _Tables
) -> tf.Tensor:
    """The next tensor's weights, float32 in row-major order, in whatever shape.

    Each operation takes some 300 bytes of the file and time to load, so those
    that a tensor does not need are left out.
    """
    format, block = tensor.format, tensor.geometry
    planes = [next(parts) for _ in tensor.plane_sizes]
    step = next(numbers) if format.scaled else None
    offset = next(numbers) if format.affine else None
    points = None
    if format.short_points:
        points = _look_up(tables.float8(), next(parts))
    elif format.codebook:
        points = next(numbers)

    if tensor.codebooks > 1:
        codes = _cut(_first(_codes(format, planes, tables), block.size), block)
        values = tf.gather(points, codes + _first_of_codebook(tensor))
    else:
        values = _cut(_first(_levels(format, planes, points, tables), block.size), block)
    values = values if step is None else values * _by_bucket(step, block)
    values = values if offset is None else values + _by_bucket(offset, block)
    if block.buckets * block.length > block.along:
        values = tf.reshape(values, [block.outer, -1, block.inner])[:, : block.along]
    order = np.argsort(tensor.permutation)
    if (np.diff(order) < 0).any():
        values = tf.reshape(values, [tensor.shape[axis] for axis in tensor.permutation])
        values = tf.transpose(values, order)
    return values


def _cut(values: tf.Tensor, block: Geometry) -> tf.Tensor:
    """The block's values, in row-major order, as [outer, buckets, length, inner]."""
    padding = block.buckets * block.length - block.along
    if padding:
        values = tf.reshape(values, [block.outer, block.along, block.inner])
        values = tf.pad(values, [[0, 0], [0, padding], [0, 0]])
    return tf.reshape(values, [block.outer, block.buckets, block.length, block.inner])


def _by_bucket(numbers: tf.Tensor, block: Geometry) -> tf.Tensor:
    """One number a bucket, to broadcast against the cut block."""
    numbers = tf.reshape(numbers, [block.rows, block.buckets, 1, block.inner])
    if block.height == 1:
        return numbers
    return tf.repeat(numbers, block.height, axis=0)[: block.outer]


def _levels(format: Format, planes: list[tf.Tensor], points, tables: _Tables) -> tf.Tensor:
    """What the codes stand for before their buckets' scaling: float32 [N or more]."""
    widths = plane_widths(format.bits)
    if len(widths) == 1:
        codes = tables.codes(*widths, 0)
        table = tables.levels(format) if points is None else _level(format, codes, points)
        return _look_up(table, planes[0])
    return _level(format, _codes(format, planes, tables), points)


def _codes(format: Format, planes: list[tf.Tensor], tables: _Tables) -> tf.Tensor:
    """The codes: int32 [N or more]."""
    widths = plane_widths(format.bits)
    shifts = np.cumsum([0, *widths[:-1]])
    tables_of_planes = [tables.codes(w, int(s)) for w, s in zip(widths, shifts, strict=True)]
    parts = [_look_up(table, plane) for table, plane in zip(tables_of_planes, planes, strict=True)]
    shortest = min(part.shape[0] for part in parts)
    return tf.add_n([_first(part, shortest) for part in parts])


def _first_of_codebook(tensor: PackedTensor) -> tf.Tensor:
    """The place of a codebook's first point in all of them, to broadcast against the cut block."""
    block, format = tensor.geometry, tensor.format
    if format.by_tile:
        return _by_bucket(tf.range(block.bucket_count) * 2**format.bits, block)
    codebooks = tf.range(block.outer * block.inner) // format.channels_per_codebook
    return tf.reshape(codebooks * 2**format.bits, [block.outer, 1, 1, block.inner])


def _level(format: Format, codes: tf.Tensor, points: tf.Tensor | None) -> tf.Tensor:
    if points is not None:
        return tf.gather(points, codes)
    return tf.cast(codes, tf.float32) - format.zero


def _look_up(table: tf.Tensor, plane: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.gather(table, tf.cast(plane, tf.int32)), [-1])


def _first(values: tf.Tensor, count: int) -> tf.Tensor:
    return values if values.shape[0] == count else values[:count]


def _to_lines(weights: tf.Tensor) -> tf.Tensor:
    """The weights as [lines, 64], the last line filled up with zeros."""
    padding = -weights.shape.num_elements() % _ALIGNMENT
    if padding:
        weights = tf.pad(tf.reshape(weights, [-1]), [[0, padding]])
    return tf.reshape(weights, [-1, _ALIGNMENT])


def _from_lines(lines: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    size = math.prod(shape)
    return tf.reshape(tf.reshape(lines, [-1])[:size] if size % _ALIGNMENT else lines, shape)
