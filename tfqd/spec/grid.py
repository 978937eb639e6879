"""Grids of integers: arithmetic on numbers, no tensors."""

# The largest integer of the types that points can be kept to. Kernels of integers
# take grids that are symmetric about 0.
LARGEST_INTEGER = {"int8": 127, "int4": 7}


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
