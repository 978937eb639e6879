"""Buckets and quantization once more, in plain numpy: a loop over buckets, float64.

Written from the paper and from `tfqd.Bucketing`'s words, not from tfqd's code, to
compare the code with; and hypothesis' strategies for the tensors to do it on.
"""

import dataclasses
import math

import numpy as np
from hypothesis import strategies as st

from tfqd.spec.bucketing import LAYOUTS, Bucketing


def bucket_indices(bucketing: Bucketing) -> list[np.ndarray]:
    """Row-major indices of the weights of each bucket, channel by channel."""
    numbers = np.arange(math.prod(bucketing.shape)).reshape(bucketing.shape)
    runs = [numbers.reshape(-1)]
    if bucketing.layout != "flat" and bucketing.shape:
        runs = []
        for channel in np.ndindex(*(bucketing.shape[axis] for axis in bucketing.channel_axes)):
            place = [slice(None)] * numbers.ndim
            for axis, index in zip(bucketing.channel_axes, channel, strict=True):
                place[axis] = index
            runs.append(numbers[tuple(place)].reshape(-1))
    if bucketing.layout == "tile":
        height, width = bucketing.bucket_size
        return [
            np.concatenate([run[left : left + width] for run in runs[top : top + height]])
            for top in range(0, len(runs), height)
            for left in range(0, len(runs[0]), width)
        ]
    size = bucketing.bucket_size or numbers.size
    return [run[start : start + size] for run in runs for start in range(0, len(run), size)]


def scale_and_offset(values: np.ndarray, scaling: str) -> tuple[float, float]:
    """alpha and beta of one bucket; alpha is 0 where the bucket is constant."""
    values = np.asarray(values, np.float64)
    if scaling == "symmetric":
        scale, offset = np.abs(values).max(), 0.0
    else:
        scale, offset = values.max() - values.min(), values.min()
    return (0.0 if scale < 1e-10 else scale), offset


def uniform_grid(bits: int, scaling: str) -> np.ndarray:
    """The levels of the scaled domain: {0, 1/(2^b-1), ..., 1}, or symmetric about 0."""
    if scaling == "affine":
        return np.arange(2**bits) / (2**bits - 1)
    if bits == 1:
        return np.array([-1.0, 1.0])
    largest = 2 ** (bits - 1) - 1
    return np.arange(-largest, largest + 1) / largest


@dataclasses.dataclass(frozen=True)
class Bucket:
    """One bucket, quantized to the nearest of the levels by trying them all.

    indices: row-major indices of its weights.
    scale, offset: its range.
    values: its quantized weights.
    codes: the index of each weight's level.
    is_tie: whether two levels are equally near, up to 1e-4 of their distance.
    """

    indices: np.ndarray
    scale: float
    offset: float
    values: np.ndarray
    codes: np.ndarray
    is_tie: np.ndarray


def quantize(weights: np.ndarray, bucketing: Bucketing, levels, scaling: str) -> list[Bucket]:
    """Every bucket of a tensor, quantized to ascending `levels` of the scaled domain."""
    flat = np.asarray(weights, np.float64).reshape(-1)
    levels = np.asarray(levels, np.float64)
    buckets = []
    for indices in bucket_indices(bucketing):
        scale, offset = scale_and_offset(flat[indices], scaling)
        scaled = (flat[indices] - offset) / scale if scale else np.zeros(len(indices))
        distances = np.abs(scaled[:, None] - levels)
        nearest, second = np.sort(distances, axis=1)[:, :2].T
        codes = np.argmin(distances, axis=1)
        is_tie = second - nearest <= 1e-4 * (nearest + second)
        values = scale * levels[codes] + offset
        buckets.append(Bucket(indices, scale, offset, values, codes, is_tie))
    return buckets


@dataclasses.dataclass(frozen=True)
class Case:
    """A tensor to quantize and the way to do it."""

    weights: np.ndarray
    bucketing: Bucketing
    bits: int
    scaling: str

    @property
    def levels(self) -> int:
        """Number of levels of the uniform grid."""
        return len(uniform_grid(self.bits, self.scaling))


@st.composite
def bucketings(draw, max_rank: int = 5, layouts=LAYOUTS) -> Bucketing:
    """Buckets of tensors of rank 0 to `max_rank`, in any of the layouts."""
    layout = draw(st.sampled_from(layouts))
    least_rank = 2 if layout == "tile" else 0
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=least_rank, max_size=max_rank)))
    size = draw(st.none() | st.integers(1, 40))
    if layout == "tile":
        size = draw(st.integers(1, 8)), draw(st.integers(1, 20))
    if layout == "flat":
        return Bucketing(shape, size)
    rank = len(shape)
    order = draw(st.permutations(range(rank)))
    axes = order[: draw(st.integers(0, rank))]
    negative = draw(st.booleans())
    return Bucketing(shape, size, layout, tuple(axis - rank * negative for axis in axes))


@st.composite
def cases(draw, layouts=LAYOUTS) -> Case:
    """Tensors of many shapes, magnitudes and distributions, and ways to quantize them."""
    bucketing = draw(bucketings(layouts=layouts))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = random.normal(size=bucketing.shape)
    match draw(st.sampled_from(["normal", "shifted", "few values", "constant", "outlier"])):
        case "shifted":
            weights += 3
        case "few values":
            weights = np.rint(weights)
        case "constant":
            weights = np.full(bucketing.shape, random.normal())
        case "outlier":
            weights = np.where(random.random(bucketing.shape) < 0.1, 50 * weights, weights)
    weights = weights * 10.0 ** draw(st.integers(-4, 3))
    scaling = draw(st.sampled_from(["affine", "symmetric"]))
    return Case(weights.astype(np.float32), bucketing, draw(st.integers(1, 8)), scaling)
