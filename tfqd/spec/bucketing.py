"""Where the buckets of a tensor lie: arithmetic on shapes, no tensors.

A bucket is a run of consecutive weights that share one scale and one offset
(section 3.2 of arXiv 1802.05668; the paper's bucket holds 256 weights). Three
layouts say what "consecutive" means:

* ``flat``: the tensor in row-major order, cut every ``bucket_size`` weights.
  This is the paper's layout; a bucket may span several output channels.
* ``channel``: each output channel's weights, in row-major order of the axes
  that the layer sums over, cut every ``bucket_size`` weights. No bucket spans
  two channels, so an integer kernel can scale its accumulator by bucket.
* ``tile``: the matrix of output channels by the weights that each sums over, cut
  both ways. A bucket is a rectangle in it, in row-major order, as formats with one
  table of points a tile have it.

In all layouts the tensor is a matrix of ``channels`` (one for ``flat``) by
``row_length`` weights, and a bucket is ``height`` channels of it (one but for
``tile``) by ``width`` weights. So there are ``rows`` rows of ``buckets_per_row``
buckets of ``length`` weights, the last of each row and of all rows padded.
"""

import dataclasses
import math
from typing import Any

from tfqd.spec.checks import check_choice, checked_optional_count, is_integer

LAYOUTS = ("flat", "channel", "tile")

# Weights a bucket; of a tile, its output channels and the weights of each.
BucketSize = int | tuple[int, int] | None


def checked_bucket_size(bucket_size: Any, layout: str) -> BucketSize:
    """A bucket size of Python integers.

    Raises:
        ValueError: unless it is None or a positive integer, or in layout ``tile`` a pair
            of positive integers.
    """
    if layout != "tile":
        return checked_optional_count("bucket_size", bucket_size)
    pair = tuple(bucket_size) if isinstance(bucket_size, tuple | list) else ()
    if len(pair) != 2 or not all(is_integer(size, 1) for size in pair):
        raise ValueError(
            "layout='tile' needs bucket_size=(channels, weights of each), two positive integers "
            f"such as (8, 64); got {bucket_size!r}"
        )
    return int(pair[0]), int(pair[1])


@dataclasses.dataclass(frozen=True)
class Bucketing:
    """How one tensor is cut into buckets.

    Args:
        shape: shape of the tensor; every dimension at least 1.
        bucket_size: weights per bucket. None, or anything longer than a row,
            gives one bucket per row: one for the tensor in layout ``flat``,
            one per output channel in layout ``channel``. In layout ``tile`` a pair:
            the output channels of a tile and the weights of each; tiles at the
            edges are smaller.
        layout: ``"flat"``, ``"channel"`` or ``"tile"``.
        channel_axes: axes that index the output channel, for layouts
            ``channel`` and ``tile``: ``(-1,)`` for Keras' Dense and Conv kernels,
            ``(-2, -1)`` for depthwise kernels, ``(0,)`` for embeddings.

    Raises:
        ValueError: for a shape with unknown or empty dimensions, a bucket size
            below 1, an unknown layout, channel axes outside the shape, or in layout
            ``tile`` a tensor of fewer than two axes.

    Example:

    >>> Bucketing((3, 5), bucket_size=4).count        # 15 weights: 4 + 4 + 4 + 3
    4
    >>> Bucketing((3, 5), 2, layout="channel").count  # 5 channels of 3: 2 + 1
    10
    >>> Bucketing((3, 5), (4, 2), layout="tile").count  # 5 channels, 4 + 1, of 3, 2 + 1
    4
    """

    shape: tuple[int, ...]
    bucket_size: BucketSize = 256
    layout: str = "flat"
    channel_axes: tuple[int, ...] = (-1,)

    def __post_init__(self):
        object.__setattr__(self, "shape", _checked_shape(self.shape))
        check_choice("layout", self.layout, LAYOUTS)
        size = checked_bucket_size(self.bucket_size, self.layout)
        object.__setattr__(self, "bucket_size", size)
        if self.layout == "tile" and len(self.shape) < 2:
            raise ValueError(
                "layout='tile' cuts a matrix, a tensor of two axes or more; got one of shape "
                f"{self.shape}"
            )
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
    def channels(self) -> int:
        """Number of output channels; 1 in layout ``flat``."""
        return math.prod(self.shape[axis] for axis in self.channel_axes)

    @property
    def row_length(self) -> int:
        """Weights per output channel; all weights in layout ``flat``."""
        return self.size // self.channels

    @property
    def height(self) -> int:
        """Output channels per bucket; 1 but for layout ``tile``."""
        return min(self._most[0], self.channels)

    @property
    def width(self) -> int:
        """Weights per bucket of each of its output channels, padding included."""
        return min(self._most[1] or self.row_length, self.row_length)

    @property
    def _most(self) -> tuple[int, int | None]:
        """Output channels of a bucket, and weights of each, of a tensor with room for them."""
        return self.bucket_size if isinstance(self.bucket_size, tuple) else (1, self.bucket_size)

    @property
    def length(self) -> int:
        """Weights per bucket, padding included."""
        return self.height * self.width

    @property
    def rows(self) -> int:
        """Rows of buckets: one per output channel, or in layout ``tile`` `height` of them."""
        return -(-self.channels // self.height)

    @property
    def buckets_per_row(self) -> int:
        return -(-self.row_length // self.width)

    @property
    def count(self) -> int:
        """Number of buckets."""
        return self.rows * self.buckets_per_row

    @property
    def padding(self) -> int:
        """Values added at the end of each output channel to fill its last bucket."""
        return self.buckets_per_row * self.width - self.row_length

    @property
    def channel_padding(self) -> int:
        """Output channels added at the end to fill the last row of tiles."""
        return self.rows * self.height - self.channels

    def codebook_count(self, channels_per_codebook: int | None) -> int:
        """How many codebooks there are; see `codebooks`."""
        if self.layout == "tile":
            return self.count
        return -(-self.rows // (channels_per_codebook or self.rows))

    def points_shape(self, levels: int, channels_per_codebook: int | None) -> tuple[int, ...]:
        """(levels,) of one codebook for the tensor, else (codebooks, levels); see `codebooks`."""
        if self.layout != "tile" and channels_per_codebook is None:
            return (levels,)
        return (self.codebook_count(channels_per_codebook), levels)

    def codebooks(self, channels_per_codebook: int | None) -> list[int] | None:
        """The codebook of each bucket; None where there is one for the tensor.

        Args:
            channels_per_codebook: output channels that share one, in layout ``channel``.
                Tiles have one each.
        """
        if self.layout == "tile":
            return list(range(self.count))
        if channels_per_codebook is None:
            return None
        return [
            row // channels_per_codebook
            for row in range(self.rows)
            for _ in range(self.buckets_per_row)
        ]

    @property
    def permutation(self) -> tuple[int, ...]:
        """Axis order that brings the channel axes to the front."""
        rest = tuple(axis for axis in range(len(self.shape)) if axis not in self.channel_axes)
        return self.channel_axes + rest

    @property
    def channels_last(self) -> bool:
        """Whether tensors are cut with the channel axes behind, where they are, in order."""
        rank, count = len(self.shape), len(self.channel_axes)
        behind = self.channel_axes == tuple(range(rank - count, rank))
        return self.layout == "channel" and count > 0 and behind


def _checked_shape(shape) -> tuple[int, ...]:
    dimensions = tuple(shape)
    if not all(is_integer(dimension, 1) for dimension in dimensions):
        raise ValueError(
            f"every dimension of a quantized tensor must be known and at least 1; got shape {shape}"
        )
    return tuple(int(dimension) for dimension in dimensions)
