"""Arrays cut into buckets and put together again, as `tfqd.ops.buckets` does it with tensors."""

import numpy as np

from tfqd.spec.bucketing import Bucketing


def cut(array: np.ndarray, bucketing: Bucketing, fill: float, dtype=np.float32) -> np.ndarray:
    """The buckets of an array.

    Args:
        array: of numbers, shape `bucketing.shape`.
        bucketing: where to cut.
        fill: what fills up the last buckets.
        dtype: of the result.

    Returns:
        Shape [bucketing.count, bucketing.length].
    """
    channels, length = bucketing.channels, bucketing.row_length
    shape = channels + bucketing.channel_padding, length + bucketing.padding
    padded = np.full(shape, fill, dtype)
    padded[:channels, :length] = array.transpose(bucketing.permutation).reshape(channels, length)
    tiles = padded.reshape(
        bucketing.rows, bucketing.height, bucketing.buckets_per_row, bucketing.width
    )
    return tiles.swapaxes(1, 2).reshape(bucketing.count, bucketing.length)


def uncut(buckets: np.ndarray, bucketing: Bucketing) -> np.ndarray:
    """Undoes `cut`: an array of shape `bucketing.shape`, contiguous."""
    tiles = buckets.reshape(
        bucketing.rows, bucketing.buckets_per_row, bucketing.height, bucketing.width
    )
    matrix = tiles.swapaxes(1, 2).reshape(bucketing.rows * bucketing.height, -1)
    matrix = matrix[: bucketing.channels, : bucketing.row_length]
    permutation = bucketing.permutation
    tensor = matrix.reshape([bucketing.shape[axis] for axis in permutation])
    # `ascontiguousarray` would make a vector of a scalar.
    return tensor.transpose(np.argsort(permutation)).copy(order="C")
