"""Where the range of an activation starts, by what was seen of it: numpy alone."""

import numpy as np

# Shares of the observed ends that are tried, for the least squared error.
_SHARES = np.linspace(1.0, 0.1, 31)


def minmax_ends(values: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest value, or 0 where that lies beyond.

    Args:
        values: float32 [n], n at least 1.
    """
    return min(0.0, float(values.min())), max(0.0, float(values.max()))


def percentile_ends(values: np.ndarray, percentile: float) -> tuple[float, float]:
    """The ends that leave out what is rarer.

    Args:
        values: float32 [n], n at least 1.
        percentile: of the upper end; of the lower one it is what is missing to 100.
    """
    low, high = np.percentile(values, [100 - percentile, percentile])
    return min(0.0, float(low)), max(0.0, float(high))


def mse_ends(values: np.ndarray, steps: int) -> tuple[float, float]:
    """The ends whose grid has the least squared error.

    Shares of the smallest and the largest value are tried, one end after the other.

    Args:
        values: float32 [n], n at least 1.
        steps: between the ends.
    """
    smallest, largest = minmax_ends(values)
    low, high = smallest, largest
    for _ in range(2):
        high = min(largest * _SHARES, key=lambda end: _error(values, low, end, steps))
        low = min(smallest * _SHARES, key=lambda end: _error(values, end, high, steps))
    return float(low), float(high)


def _error(values: np.ndarray, low: float, high: float, steps: int) -> float:
    """The squared error of the grid of a range, whose low end is moved until 0 is on it."""
    step = (high - low) / steps
    if step <= 0:
        return float(np.square(values).sum())
    zero = np.rint(-low / step)
    rounded = (np.clip(np.rint(values / step) + zero, 0, steps) - zero) * step
    return float(np.square(values - rounded).sum())
