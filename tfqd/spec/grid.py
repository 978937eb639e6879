"""Grids that levels lie on: arithmetic on numbers, no tensors."""

# The largest integer of the types that points can be kept to. Kernels of integers
# take grids that are symmetric about 0.
LARGEST_INTEGER = {"int8": 127, "int4": 7}

# The largest number of each grid that points can be kept to. FP8 E4M3 has a sign, four
# bits of exponent and three of mantissa, no infinity, and ends in 1.75 * 2^8.
LARGEST_POINT = {**LARGEST_INTEGER, "e4m3": 448}

# How many different numbers each grid has: of E4M3 all bytes but two NaN and one of the zeros.
GRID_SIZE = {"int8": 255, "int4": 15, "e4m3": 253}

# Bytes of a point in the archive.
POINT_BYTES: dict[str | None, int] = {None: 4, **dict.fromkeys(LARGEST_POINT, 1)}


def zero_code(levels: int) -> float:
    """The code that stands for 0 on a uniform grid with symmetric scaling.

    An odd number of levels lies symmetrically about 0; an even one is that of
    two's complement integers, -levels/2 to levels/2 - 1. Two levels have 0
    between them.

    Example:

    >>> zero_code(15), zero_code(16), zero_code(2)
    (7.0, 8.0, 0.5)
    """
    return 0.5 if levels == 2 else float(levels // 2)
