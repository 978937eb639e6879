"""Moving weights to the nearest of some points."""

import dataclasses
import math
from typing import ClassVar

from tfqd.spec.base import GRADIENT_SCALES, Spec
from tfqd.spec.bucketing import Bucketing
from tfqd.spec.checks import (
    MOST_BITS,
    check_choice,
    checked_optional_count,
    checked_positive,
    is_integer,
)
from tfqd.spec.grid import GRID_SIZE, LARGEST_INTEGER, LARGEST_POINT, POINT_BYTES

TRAINED = ("both", "points", "weights")
INITS = ("quantile", "uniform", "kmeans", "normal")
GRIDS = (None, *LARGEST_POINT)
MOST_POINTS = 2**MOST_BITS
SCALES = ("range", "fixed", "learned", None)


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Codebook(Spec):
    """Nearest-point quantization with trained points.

    The points live in the scaled domain and receive the exact gradient of
    Eq. 6 of arXiv 1802.05668; the weights receive the straight-through one.

    Args:
        points: number of points k; None for 2^bits, fewer need not be a power
            of two.
        channels_per_codebook: None for one codebook a tensor, as in the paper;
            a number for one every so many output channels, 1 for one each, in
            layout ``channel``. In layout ``tile`` each tile has one.
        train: ``"both"``, points and weights together; ``"points"``, Algorithm 2
            of the paper: the weights are frozen, and so scales and offsets stay
            what they were; or ``"weights"``, the points stay where they start.
        init: where the points start: ``"quantile"``, at the quantiles of the
            scaled weights (the paper's heuristic); ``"uniform"``, evenly spaced
            over the scaled range; ``"kmeans"``, where the squared error of the
            weights is smallest (`tfqd.sensitive_points` weighs it by what it
            costs); or ``"normal"``, at quantiles of a normal distribution with
            0 among them, as QLoRA's NF4.
        grid: ``"int8"`` or ``"int4"`` rounds the points to the integers from
            -127 to 127, or -7 to 7, times alpha / 127 or alpha / 7, in training
            too (their gradient is straight-through), so that an integer kernel
            computes what was trained. ``"e4m3"`` rounds them to 8-bit floats, FP8
            E4M3, times alpha / 448, or without a scale to those floats themselves;
            files store them in a byte each. Needs symmetric scaling.
        scale: ``"range"``, the paper's: alpha follows the bucket's weights in every
            step, so that its largest weights move all points. ``"fixed"``: alpha stays
            where it starts, at three standard deviations of the bucket's weights, or with
            ``init="uniform"`` or ``"normal"``, whose points know nothing of the weights,
            where the squared error is least; weights beyond the points go to the
            outermost ones. ``"learned"``: it is trained besides, by the gradient of the
            step of `tfqd.LearnedStep`. None: there is none, points are values of
            weights, and files store codes and points alone. These need symmetric
            scaling, None also an `init` by the weights. With
            ``init="uniform"`` and ``train="weights"`` a learned scale is a learned step
            without a level at 0, of 3 points ternary, of 2 binary.
        gradient_scale: None leaves the points' gradient as it is, a sum over
            their weights, as the paper does; ``"lsq"`` multiplies it by
            1 / sqrt(N k), with N weights and k points, so that one learning
            rate serves tensors of all sizes; that of learned scales likewise.
        learning_rate_multiplier: how many times faster than the weights the
            points learn, whatever the optimizer.

    The remaining arguments are those of `Spec`.

    Example:

    >>> Codebook(bits=2).levels, Codebook(points=10).levels
    (4, 10)
    >>> quantized = tfqd.quantize_model(model, Codebook(bits=2, bucket_size=None, init="kmeans"))
    >>> [tensor.points.shape for tensor in tfqd.compress(quantized).quantized.values()]
    [(4,), (4,)]
    """

    points: int | None = None
    channels_per_codebook: int | None = None
    train: str = "both"
    init: str = "quantile"
    grid: str | None = None
    scale: str | None = "range"
    gradient_scale: str | None = None
    learning_rate_multiplier: float = 1.0

    kind: ClassVar[str] = "codebook"

    def __post_init__(self):
        super().__post_init__()
        self._check_points()
        self._check_channels()
        check_choice("train", self.train, TRAINED)
        if self.freeze_above is not None and self.train == "points":
            raise ValueError(
                "freeze_above needs weights that are trained: train='both' or 'weights'; got "
                "train='points'"
            )
        check_choice("init", self.init, INITS)
        check_choice("grid", self.grid, GRIDS)
        self._check_grid()
        self._check_scale()
        check_choice("gradient_scale", self.gradient_scale, GRADIENT_SCALES)
        multiplier = checked_positive("learning_rate_multiplier", self.learning_rate_multiplier)
        object.__setattr__(self, "learning_rate_multiplier", multiplier)

    @property
    def has_zero(self) -> bool:
        return True

    @property
    def on_integers(self) -> bool:
        return self.grid in LARGEST_INTEGER

    @property
    def levels(self) -> int:
        return 2**self.bits if self.points is None else self.points

    @property
    def steps(self) -> int:
        """The largest number of the points' grid; 1 where their unit is not alpha over it."""
        return 1 if self.grid is None or self.scale is None else LARGEST_POINT[self.grid]

    def points_shape(self, bucketing: Bucketing) -> tuple[int, ...]:
        """(k,), or (codebooks, k) with several codebooks a tensor."""
        return bucketing.points_shape(self.levels, self.channels_per_codebook)

    @property
    def numbers_per_bucket(self) -> int:
        return 0 if self.scale is None else super().numbers_per_bucket

    def point_bytes(self, bucketing: Bucketing) -> int:
        return math.prod(self.points_shape(bucketing)) * POINT_BYTES[self.grid]

    @property
    def most_levels(self) -> int:
        """How many points there can be."""
        return MOST_POINTS if self.grid is None else GRID_SIZE[self.grid]

    def with_bits(self, bits: int) -> "Codebook":
        """The same with all points of `bits`, or all that lie on the grid."""
        points = self.most_levels if 2**bits > self.most_levels else None
        return dataclasses.replace(self, bits=bits, points=points)

    def with_nominal_bits(self, bits: float) -> "Codebook | None":
        count = round(2**bits)
        return self.with_levels(count) if 2 <= count <= self.most_levels else None

    def with_levels(self, count: int) -> "Codebook":
        """The same codebook with `count` points, and as many bits as these need."""
        bits = (count - 1).bit_length()
        return dataclasses.replace(self, bits=bits, points=None if count == 2**bits else count)

    def _check_points(self) -> None:
        if self.points is None:
            return
        if not is_integer(self.points) or not 2 <= self.points <= 2**self.bits:
            raise ValueError(
                f"points must be None or an integer from 2 to {2**self.bits}, which "
                f"{self.bits} bits can tell apart; got {self.points!r}"
            )
        object.__setattr__(self, "points", int(self.points))

    def _check_channels(self) -> None:
        name = "channels_per_codebook"
        channels = checked_optional_count(name, self.channels_per_codebook)
        if channels is None:
            return
        if self.layout != "channel":
            raise ValueError(
                "channels_per_codebook needs layout='channel', in which no bucket spans two "
                f"channels; got layout={self.layout!r}"
            )
        object.__setattr__(self, name, channels)

    def _check_grid(self) -> None:
        if self.grid is None:
            return
        if self.scaling != "symmetric":
            raise ValueError(
                f"grid={self.grid!r} needs scaling='symmetric', which maps 0 to 0; got "
                f"{self.scaling!r}"
            )
        if self.levels > self.most_levels:
            raise ValueError(
                f"grid={self.grid!r} has {self.most_levels} values, too few for {self.levels} "
                "points; give fewer bits or points"
            )

    def _check_scale(self) -> None:
        check_choice("scale", self.scale, SCALES)
        if self.scale != "range" and self.scaling != "symmetric":
            raise ValueError(
                f"scale={self.scale!r} needs scaling='symmetric', which has no offset that "
                f"follows the weights; got {self.scaling!r}"
            )
        if self.scale is None and self.grid not in (None, "e4m3"):
            raise ValueError(
                f"scale=None needs grid='e4m3' or None, whose points can be values of weights; "
                f"got {self.grid!r}"
            )
        if self.scale is None and self.init not in ("quantile", "kmeans"):
            raise ValueError(
                "scale=None needs init='quantile' or 'kmeans', which place points by the "
                f"weights; got {self.init!r}"
            )
