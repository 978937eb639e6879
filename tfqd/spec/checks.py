"""What arguments may be: the predicates and checks that all rooms share.

Numbers may be numpy's, and so may True and False, which are never numbers.
"""

import math
import numbers
import os
from collections.abc import Hashable, Iterable
from typing import Any, TypeGuard

# The most bits that a code may have.
MOST_BITS = 8


def is_integer(value: Any, least: float = -math.inf, most: float = math.inf) -> TypeGuard[int]:
    """Whether `value` is a Python or numpy integer from `least` to `most`."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return whole and least <= value <= most


def is_number(value: Any, least: float = -math.inf, most: float = math.inf) -> TypeGuard[float]:
    """Whether `value` is a finite real number from `least` to `most` that a float can hold."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and _is_finite(value) and least <= value <= most


def _is_finite(value: numbers.Real) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


def is_positive(value: Any) -> TypeGuard[float]:
    """Whether `value` is a finite real number above 0."""
    return is_number(value) and value > 0


def is_bits(value: Any) -> TypeGuard[int]:
    """Whether `value` is a number of bits that a code may have."""
    return is_integer(value, 1, MOST_BITS)


def checked_bits(bits: Any) -> int:
    """`bits` as a Python integer; ValueError unless it is one from 1 to 8."""
    if not is_bits(bits):
        raise ValueError(f"bits must be an integer from 1 to 8; got {bits!r}")
    return int(bits)


def checked_count(name: str, value: Any) -> int:
    """`value` as a Python integer; ValueError naming the argument unless it is positive."""
    if not is_integer(value, 1):
        raise ValueError(f"{name} must be a positive integer; got {value!r}")
    return int(value)


def checked_optional_count(name: str, value: Any) -> int | None:
    """`value` as None or a Python integer; ValueError naming the argument otherwise."""
    if value is None:
        return None
    if not is_integer(value, 1):
        raise ValueError(f"{name} must be None or a positive integer; got {value!r}")
    return int(value)


def checked_positive(name: str, value: Any) -> float:
    """`value` as a Python float; ValueError naming the argument unless positive and finite."""
    if not is_positive(value):
        raise ValueError(f"{name} must be a positive finite number; got {value!r}")
    return float(value)


def checked_not_negative(name: str, value: Any) -> float:
    """`value` as a Python float; ValueError naming the argument if negative or not finite."""
    if not is_number(value, 0):
        raise ValueError(f"{name} must be a finite number of at least 0; got {value!r}")
    return float(value)


def checked_optional_positive(name: str, value: Any) -> float | None:
    """`value` as None or a Python float; ValueError naming the argument otherwise."""
    if value is None:
        return None
    if not is_positive(value):
        raise ValueError(f"{name} must be None or a positive finite number; got {value!r}")
    return float(value)


def checked_bool(name: str, value: Any) -> bool:
    """`value` as Python's True or False; ValueError naming the argument unless it is either."""
    if not _is_one_of(value, (False, True)):
        raise ValueError(f"{name} must be True or False; got {value!r}")
    return bool(value)


def one_or_several(value: Any) -> list[Any]:
    """The elements of a sequence or set; of anything else it alone."""
    return list(value) if isinstance(value, Iterable) else [value]


def check_given(path: str | os.PathLike) -> None:
    """Raises ValueError for a path of no letters, which would be the current folder."""
    if not os.fspath(path):
        raise ValueError("a path must not be empty; got ''")


def check_choice(name: str, value: Any, allowed: tuple) -> None:
    """Raises ValueError naming the argument unless `value` is one of `allowed`."""
    if not _is_one_of(value, allowed):
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}; got {value!r}")


def _is_one_of(value: Any, allowed: tuple) -> bool:
    """Whether it is; what cannot be hashed, as an array, is none of them."""
    return isinstance(value, Hashable) and value in allowed
