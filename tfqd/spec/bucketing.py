"""Where the buckets of a tensor lie: arithmetic on shapes, no tensors.

A bucket is a run of consecutive weights that share one scale and one offset
(section 3.2 of arXiv 1802.05668; the paper's bucket holds 256 weights). Two
layouts say what "consecutive" means:

* ``flat``: the tensor in row-major order, cut every ``bucket_size`` weights.
  This is the paper's layout; a bucket may span several output channels.
* ``channel``: each output channel's weights, in row-major order of the axes
  that the layer sums over, cut every ``bucket_size`` weights. No bucket spans
  two channels, so an integer kernel can scale its accumulator by bucket.

In both layouts the tensor is a matrix of ``rows`` (one for ``flat``, one per
output channel for ``channel``) and each row is cut into ``buckets_per_row``
buckets of ``length`` weights, the last one padded.
"""

import dataclasses
import math

from tfqd.spec.checks import check_choice, checked_optional_count, is_integer

LAYOUTS = ("flat", "channel")


@dataclasses.dataclass(frozen=True)
class Bucketing:
    """How one tensor is cut into buckets.

    Args:
        shape: shape of the tensor; every dimension at least 1.
        bucket_size: weights per bucket. None, or anything longer than a row,
            gives one bucket per row: one for the tensor in layout ``flat``,
            one per output channel in layout ``channel``.
        layout: ``"flat"`` or ``"channel"``.
        channel_axes: axes that index the output channel, for layout
            ``channel``: ``(-1,)`` for Keras' Dense and Conv kernels,
            ``(-2, -1)`` for depthwise kernels, ``(0,)`` for embeddings.

    Raises:
        ValueError: for a shape with unknown or empty dimensions, a bucket size
            below 1, an unknown layout or channel axes outside the shape.

    Example:

    >>> Bucketing((3, 5), bucket_size=4).count        # 15 weights: 4 + 4 + 4 + 3
    4
    >>> Bucketing((3, 5), 2, layout="channel").count  # 5 channels of 3: 2 + 1
    10
    """

    shape: tuple[int, ...]
    bucket_size: int | None = 256
    layout: str = "flat"
    channel_axes: tuple[int, ...] = (-1,)

    def __post_init__(self):
        object.__setattr__(self, "shape", _checked_shape(self.shape))
        object.__setattr__(
            self, "bucket_size", checked_optional_count("bucket_size", self.bucket_size)
        )
        check_choice("layout", self.layout, LAYOUTS)
        object.__setattr__(self, "channel_axes", self._checked_axes())

    def _checked_axes(self) -> tuple[int, ...]:
        rank = len(self.shape)
        if self.layout == "flat" or rank == 0:
            return ()
        axes = tuple(axis + rank if axis < 0 else axis for axis in self.channel_axes)
        if len(set(axes)) != len(axes) or any(not 0 <= axis < rank for axis in axes):
            raise ValueError(
                f"channel_axes must be different axes of a tensor of shape {self.shape}; "
                f"got {self.channel_axes}"
            )
        return axes

    @property
    def size(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)

    @property
    def rows(self) -> int:
        """Number of output channels; 1 in layout ``flat``."""
        return math.prod(self.shape[axis] for axis in self.channel_axes)

    @property
    def row_length(self) -> int:
        """Weights per output channel; all weights in layout ``flat``."""
        return self.size // self.rows

    @property
    def length(self) -> int:
        """Weights per bucket, padding included."""
        return min(self.bucket_size or self.row_length, self.row_length)

    @property
    def buckets_per_row(self) -> int:
        return -(-self.row_length // self.length)

    @property
    def count(self) -> int:
        """Number of buckets."""
        return self.rows * self.buckets_per_row

    @property
    def padding(self) -> int:
        """Values added at the end of each row to fill its last bucket."""
        return self.buckets_per_row * self.length - self.row_length

    @property
    def permutation(self) -> tuple[int, ...]:
        """Axis order that brings the channel axes to the front."""
        rest = tuple(axis for axis in range(len(self.shape)) if axis not in self.channel_axes)
        return self.channel_axes + rest

    @property
    def channels_last(self) -> bool:
        """Whether the channel axes already are the trailing axes, in order."""
        rank, count = len(self.shape), len(self.channel_axes)
        return count > 0 and self.channel_axes == tuple(range(rank - count, rank))


def _checked_shape(shape) -> tuple[int, ...]:
    dimensions = tuple(shape)
    if not all(is_integer(dimension, 1) for dimension in dimensions):
        raise ValueError(
            f"every dimension of a quantized tensor must be known and at least 1; got shape {shape}"
        )
    return tuple(int(dimension) for dimension in dimensions)
