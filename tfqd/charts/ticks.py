"""Round numbers along an axis."""

import math


def linear_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most `most` multiples of 1, 2 or 5 times a power of ten, from `low` to `high`.

    Example:

    >>> linear_ticks(0.0, 0.17)
    [0.0, 0.05, 0.1, 0.15]
    """
    rough = (high - low) / (most - 1) or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{place * step:.12g}") for place in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """1, 2 and 5 times powers of ten from `low` to `high`, thinned to at most `most`.

    Where fewer than two of them lie so close together, those of `linear_ticks`.

    Example:

    >>> log_ticks(1_500, 60_000)
    [2000.0, 5000.0, 10000.0, 20000.0, 50000.0]
    >>> log_ticks(2_500, 3_900)
    [2500.0, 3000.0, 3500.0]
    """
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        every = (factor * 10.0**exponent for exponent in exponents for factor in factors)
        ticks = [tick for tick in every if low <= tick <= high]
        if len(ticks) < 2:
            return linear_ticks(low, high, most)
        if len(ticks) <= most:
            return ticks
    return ticks[:: -(-len(ticks) // most)]
