"""Cutting a tensor into buckets and putting it together again.

The cut tensor has three dimensions. Where the channel axes come first (layout
``flat`` counts as one channel) it is [rows, buckets_per_row, length]; where
they come last it is [buckets_per_row, length, rows], which spares the common
kernels a transposition. Layout ``tile`` always has them first. `bucket_axis`
tells which dimension runs within a bucket, so reductions with ``keepdims=True``
broadcast against the cut tensor.
"""

import numpy as np
import tensorflow as tf

from tfqd.spec.bucketing import Bucketing


def bucket_axis(bucketing: Bucketing) -> int:
    """The axis of `to_buckets`' result along which one bucket lies."""
    return 1 if bucketing.channels_last else 2


def to_buckets(tensor: tf.Tensor, bucketing: Bucketing, fill: str = "last") -> tf.Tensor:
    """Cuts `tensor` into buckets.

    Args:
        tensor: any dtype, shape `bucketing.shape`.
        bucketing: where to cut.
        fill: what pads the last bucket of a row: ``"last"``, the row's last
            value, which leaves the bucket's range alone, or ``"zero"``. Below the last
            channel of a tile, likewise.

    Returns:
        The cut tensor; see the module's head for its shape.
    """
    rows, row_length = bucketing.rows, bucketing.row_length
    if bucketing.channels_last:
        matrix = _pad(tf.reshape(tensor, [row_length, rows]), bucketing.padding, 0, fill)
        return tf.reshape(matrix, [bucketing.buckets_per_row, bucketing.length, rows])
    if bucketing.channel_axes:
        tensor = tf.transpose(tensor, bucketing.permutation)
    matrix = tf.reshape(tensor, [bucketing.channels, row_length])
    matrix = _pad(_pad(matrix, bucketing.padding, 1, fill), bucketing.channel_padding, 0, fill)
    if bucketing.height > 1:
        matrix = tf.transpose(tf.reshape(matrix, _tiles(bucketing)), [0, 2, 1, 3])
    return tf.reshape(matrix, [rows, bucketing.buckets_per_row, bucketing.length])


def from_buckets(buckets: tf.Tensor, bucketing: Bucketing) -> tf.Tensor:
    """Undoes `to_buckets`: the padding is cut off, the shape restored."""
    rows, row_length = bucketing.rows, bucketing.row_length
    padded_length = row_length + bucketing.padding
    if bucketing.channels_last:
        matrix = tf.reshape(buckets, [padded_length, rows])
        return tf.reshape(matrix[:row_length] if bucketing.padding else matrix, bucketing.shape)
    if bucketing.height > 1:
        _, height, columns, width = _tiles(bucketing)
        buckets = tf.transpose(tf.reshape(buckets, [rows, columns, height, width]), [0, 2, 1, 3])
    matrix = tf.reshape(buckets, [rows * bucketing.height, padded_length])
    if bucketing.padding or bucketing.channel_padding:
        matrix = matrix[: bucketing.channels, :row_length]
    if not bucketing.channel_axes:
        return tf.reshape(matrix, bucketing.shape)
    permutation = bucketing.permutation
    tensor = tf.reshape(matrix, [bucketing.shape[axis] for axis in permutation])
    return tf.transpose(tensor, tf.math.invert_permutation(permutation))


def per_bucket(values: tf.Tensor, bucketing: Bucketing) -> tf.Tensor:
    """One value a bucket, as a vector ordered by row, then along the row.

    Args:
        values: a reduction of `to_buckets`' result over `bucket_axis` with
            ``keepdims=True``.

    Returns:
        Shape [bucketing.count].
    """
    if bucketing.channels_last:
        values = tf.transpose(tf.reshape(values, [bucketing.buckets_per_row, bucketing.rows]))
    return tf.reshape(values, [bucketing.count])


def over_buckets(values: tf.Tensor, bucketing: Bucketing) -> tf.Tensor:
    """Undoes `per_bucket`: a vector with one value a bucket, to broadcast against the cut tensor.

    Args:
        values: shape [bucketing.count].
    """
    rows, buckets = bucketing.rows, bucketing.buckets_per_row
    values = tf.reshape(values, [rows, buckets, 1])
    return tf.transpose(values, [1, 2, 0]) if bucketing.channels_last else values


def bucket_sizes(bucketing: Bucketing) -> np.ndarray:
    """How many weights, padding not counted, each bucket holds: int64 [bucketing.count]."""
    heights = _parts(bucketing.channels, bucketing.height)
    return np.outer(heights, _parts(bucketing.row_length, bucketing.width)).reshape(-1)


def _parts(whole: int, size: int) -> np.ndarray:
    """The sizes of the parts of `size` that a `whole` is cut into, the last one smaller."""
    return np.minimum(size, whole - np.arange(0, whole, size))


def _tiles(bucketing: Bucketing) -> list[int]:
    """The padded matrix of output channels, with each of its axes cut in two."""
    return [bucketing.rows, bucketing.height, bucketing.buckets_per_row, bucketing.width]


def _pad(matrix: tf.Tensor, padding: int, axis: int, fill: str) -> tf.Tensor:
    if not padding:
        return matrix
    last = matrix[-1:] if axis == 0 else matrix[:, -1:]
    shape = (padding, last.shape[1]) if axis == 0 else (last.shape[0], padding)
    block = tf.broadcast_to(last, shape) if fill == "last" else tf.zeros(shape, matrix.dtype)
    return tf.concat([matrix, block], axis=axis)
