"""Which constant of a converted file is which weight of the model.

The converter names its constants after nothing that can be relied on, and lays
them out as its kernels want them. So a constant is recognized by its values: it
is a weight whose axes were permuted and merged, and whose output channels may
each have been multiplied by a number, which is how a BatchNormalization
disappears into the layer before it.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping

import numpy as np

from tfqd.compressed import QuantizedTensor

# How far a channel's factor may be off, relative; float32 products differ by less than half.
_TOLERANCE = 2e-6
_LARGEST_RANK = 5
_SAMPLED_CHANNELS = 8
_SAMPLED_VALUES = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Match:
    """A constant that is a quantized weight.

    path: the weight's.
    tensor: the weight.
    permutation: order of its axes in the file.
    shape: in the file.
    axis: of the output channel in the file.
    factor: float64 [channels], what each output channel was multiplied by.
    """

    path: str
    tensor: QuantizedTensor
    permutation: tuple[int, ...]
    shape: tuple[int, ...]
    axis: int
    factor: np.ndarray

    def laid_out(self, array: np.ndarray) -> np.ndarray:
        """Numbers in the weight's shape, one row for each output channel of the file."""
        array = array.transpose(self.permutation).reshape(self.shape)
        return np.moveaxis(array, self.axis, 0).reshape(self.shape[self.axis], -1)


class Matcher:
    """Finds the quantized weight that a constant holds.

    Args:
        tensors: the model's quantized weights by path.
    """

    def __init__(self, tensors: Mapping[str, QuantizedTensor]):
        self._weights = [(path, t, t.dequantize()) for path, t in tensors.items()]
        self._found: set[str] = set()

    def match(self, constant: np.ndarray, axis: int) -> Match | None:
        """The weight that `constant` is.

        Where several are (they are equal up to factors of their channels), one
        that was not found yet and needs no factor comes first.

        Args:
            constant: float32, of at least rank 2.
            axis: of its output channel.
        """
        matches = [
            Match(path, tensor, permutation, constant.shape, axis, factor)
            for path, tensor, values in self._weights
            if tensor.size == constant.size
            for permutation in _permutations(tensor.shape, constant.shape)
            if (factor := _factor(values, permutation, constant, axis)) is not None
        ]
        if not matches:
            return None
        best = min(matches, key=lambda m: (m.path in self._found, np.ptp(m.factor) > 0))
        self._found.add(best.path)
        return best


def _permutations(shape: tuple[int, ...], target: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The orders of the axes that differ and can become `target` by a reshape."""
    if len(shape) > _LARGEST_RANK:
        return
    seen = set()
    for permutation in itertools.permutations(range(len(shape))):
        key = tuple(axis for axis in permutation if shape[axis] > 1)
        if key not in seen and _merges([shape[axis] for axis in key], target):
            seen.add(key)
            yield permutation


def _merges(sizes: list[int], target: tuple[int, ...]) -> bool:
    """Whether each size of `target` is a product of whole runs of `sizes`."""
    remaining = iter(sizes)
    for size in target:
        product: float = 1
        while product < size:
            product *= next(remaining, math.inf)
        if product != size:
            return False
    return True


def _factor(values, permutation, constant, axis) -> np.ndarray | None:
    """What each channel was multiplied by; None when it is another weight."""
    shape = [values.shape[a] for a in permutation]
    sample = _sample(constant.shape, axis)
    flat = np.ravel_multi_index(sample, constant.shape)
    places = np.unravel_index(flat, shape)
    order = np.argsort(permutation)
    expected = values[tuple(places[position] for position in order)]
    if _channel_factors(expected, constant[sample]) is None:
        return None
    rows = np.moveaxis(values.transpose(permutation).reshape(constant.shape), axis, 0)
    count = constant.shape[axis]
    return _channel_factors(
        rows.reshape(count, -1), np.moveaxis(constant, axis, 0).reshape(count, -1)
    )


def _sample(shape: tuple[int, ...], axis: int) -> tuple[np.ndarray, ...]:
    """Coordinates [channels, values] of some values of some channels."""
    generator = np.random.default_rng(0)
    channels = generator.integers(0, shape[axis], (_SAMPLED_CHANNELS, 1))
    size = (_SAMPLED_CHANNELS, _SAMPLED_VALUES)
    return tuple(
        np.broadcast_to(channels, size) if a == axis else generator.integers(0, length, size)
        for a, length in enumerate(shape)
    )


def _channel_factors(expected: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
    """The least-squares factor of each row, 1 where it is; None when a row does not fit."""
    if np.array_equal(expected, rows):
        return np.ones(len(rows))
    expected, rows = expected.astype(np.float64), rows.astype(np.float64)
    squares = np.einsum("ij,ij->i", expected, expected)
    products = np.einsum("ij,ij->i", expected, rows)
    factor = np.divide(products, squares, out=np.zeros(len(rows)), where=squares > 0)
    apart = np.abs(rows - factor[:, None] * expected).max(1)
    return factor if (apart <= _TOLERANCE * np.abs(rows).max(1)).all() else None
