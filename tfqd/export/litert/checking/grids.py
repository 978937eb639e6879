"""Tensors of integers and what they stand for."""

from typing import NamedTuple

import numpy as np


class Grid(NamedTuple):
    """Which numbers a tensor's integers stand for: scale * (integer - zero).

    scale: float64 [1], or one for each output channel of a weight.
    zero: of integers of activations.
    bits: of the integers.
    """

    scale: np.ndarray
    zero: int
    bits: int = 8

    @property
    def low(self) -> int:
        """The smallest integer."""
        return -(2 ** (self.bits - 1))

    @property
    def high(self) -> int:
        """The largest integer."""
        return 2 ** (self.bits - 1) - 1


class Integers(NamedTuple):
    """A tensor: its numbers as int64, and their grid; None for indices, shapes and the like."""

    values: np.ndarray
    grid: Grid | None
