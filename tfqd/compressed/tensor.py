"""One quantized tensor: codes, points or grid, scales, offsets, layout."""

import dataclasses

import numpy as np

from tfqd.compressed import float8
from tfqd.compressed.cutting import uncut
from tfqd.spec.bucketing import Bucketing
from tfqd.spec.grid import zero_code


@dataclasses.dataclass(frozen=True, eq=False)
class QuantizedTensor:
    """A weight tensor as codes; `dequantize` gives the weights back.

    Args:
        codes: uint8, shape `bucketing.shape`; the level of each weight.
        bits: bits per code, 1 to 8.
        levels: number of levels k; every code lies below it.
        bucketing: where the buckets lie.
        scale: float32 [buckets]; alpha of each bucket, 0 for a constant one.
        offset: float32 [buckets], beta of each bucket, or None for symmetric
            scaling.
        points: float32 [levels], the trained codebook in the scaled domain (or
            on a grid, in units of the scale), or [codebooks, levels], in layout
            ``tile`` one codebook a tile, or None for the uniform grid. With
            symmetric scaling that grid is written about the code of 0
            (`tfqd.spec.grid`); its lowest level is -alpha.
        channels_per_codebook: output channels, one after the other in layout
            ``channel``, that share a codebook; None for one codebook.
        spec: the spec that the tensor was quantized by, as plain JSON values.

    Raises:
        ValueError: when the arrays do not fit together or hold NaN or infinity.
    """

    codes: np.ndarray
    bits: int
    levels: int
    bucketing: Bucketing
    scale: np.ndarray
    offset: np.ndarray | None = None
    points: np.ndarray | None = None
    channels_per_codebook: int | None = None
    spec: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if not 1 <= self.bits <= 8 or not 2 <= self.levels <= 2**self.bits:
            raise ValueError(f"{self.levels} levels do not fit into {self.bits} bits of 1 to 8")
        _check_array("codes", self.codes, np.uint8, self.bucketing.shape)
        if self.codes.max() >= self.levels:
            raise ValueError(f"codes must lie below {self.levels}; got {self.codes.max()}")
        _check_array("scale", self.scale, np.float32, (self.bucketing.count,))
        if self.offset is not None:
            _check_array("offset", self.offset, np.float32, (self.bucketing.count,))
        if self.points is not None:
            _check_array("points", self.points, np.float32, self._points_shape())

    def __repr__(self) -> str:
        return (
            f"<QuantizedTensor of shape {self.shape}: {self.levels} levels in {self.bits} bits, "
            f"{self.bucketing.count} buckets>"
        )

    def _points_shape(self) -> tuple[int, ...]:
        channels, bucketing = self.channels_per_codebook, self.bucketing
        if channels is not None and (channels < 1 or bucketing.layout != "channel"):
            raise ValueError(
                "channels_per_codebook must be at least 1, and the layout 'channel'; got "
                f"{channels} and {bucketing.layout!r}"
            )
        return bucketing.points_shape(self.levels, channels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.bucketing.shape

    @property
    def size(self) -> int:
        """Number of weights."""
        return self.bucketing.size

    @property
    def is_scaled(self) -> bool:
        """Whether files store scales: unless all are 1, and there are no offsets."""
        return self.offset is not None or bool((self.scale != 1).any())

    @property
    def has_short_points(self) -> bool:
        """Whether it has points that 8-bit floats hold exactly, so that files do."""
        return self.points is not None and float8.fits(self.points)

    def dequantize(self) -> np.ndarray:
        """The weights, float32, as the quantized forward pass used them.

        The order of operations is that of `tfqd.ops`, so the values are equal
        bit for bit; a codebook tensor is decoded from its codes and original
        scales, never quantized a second time (that is not idempotent).
        """
        if self.points is not None:
            values = self.points_of_codes() * self.spread(self.scale)
        elif self.offset is None:
            zero = np.float32(zero_code(self.levels))
            values = (self.codes.astype(np.float32) - zero) * self.spread(self.scale / zero)
        else:
            step = self.scale / np.float32(self.levels - 1)
            values = self.codes.astype(np.float32) * self.spread(step)
        if self.offset is not None:
            values = values + self.spread(self.offset)
        return np.asarray(values)  # numpy makes a scalar of a product of arrays of rank 0

    def points_of_codes(self) -> np.ndarray:
        """The point of each weight, float32 in the tensor's shape; of one with a codebook.

        Raises:
            ValueError: for a tensor on the uniform grid, which has no points.
        """
        if self.points is None:
            raise ValueError(f"{self!r} is on the uniform grid and has no points")
        codebooks = self.bucketing.codebooks(self.channels_per_codebook)
        if codebooks is None:
            return self.points[self.codes]
        first = self.levels * np.array(codebooks, np.int32)
        return self.points.reshape(-1)[self.spread(first) + self.codes]

    def spread(self, per_bucket: np.ndarray) -> np.ndarray:
        """One value a bucket -> one value a weight, in the tensor's shape."""
        shape = self.bucketing.count, self.bucketing.length
        return uncut(np.broadcast_to(per_bucket[:, np.newaxis], shape), self.bucketing)


def _check_array(name: str, array: np.ndarray, dtype, shape: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(
            f"{name} must be {np.dtype(dtype).name} of shape {shape}; "
            f"got {array.dtype.name} of shape {array.shape}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values")
