"""Sizes as people write them."""

import math
import re

from tfqd.spec.checks import is_integer

_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_FACTORS = {unit.lower(): factor for unit, factor in _UNITS.items()}


def parse_bytes(size: int | str) -> int:
    """A number of bytes, given as one or as a text with a unit.

    Args:
        size: a positive integer, or a number and one of B, kB, MB, GB (powers
            of 1000) and KiB, MiB, GiB (of 1024), in capital or small letters.

    Raises:
        ValueError: for anything else, and for less than a byte.

    Example:

    >>> parse_bytes("120 kB"), parse_bytes("1.5MiB"), parse_bytes("200KB"), parse_bytes(4096)
    (120000, 1572864, 200000, 4096)
    """
    if is_integer(size) and size > 0:
        return int(size)
    match = (
        re.fullmatch(r"(\d+(?:\.\d*)?)\s*(\w+)", size.strip()) if isinstance(size, str) else None
    )
    if match is None or match[2].lower() not in _FACTORS or not float(match[1]):
        raise ValueError(
            "a size must be a positive number of bytes, or a text such as '120 kB' with one of "
            f"{', '.join(_UNITS)}; got {size!r}"
        )
    found = float(match[1]) * _FACTORS[match[2].lower()]
    if not 1 <= found < math.inf:
        raise ValueError(f"a size must be finite and at least 1 byte; got {size!r}")
    return int(found)
