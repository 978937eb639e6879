"""Names of which no two are equal."""

import itertools
from collections.abc import Iterable


def unique_names(names: Iterable[str], mark: str) -> list[str]:
    """The names, with the mark and 1, 2, ... behind those that came before.

    Example:

    >>> unique_names(["a", "b", "a", "a_1"], "_")
    ['a', 'b', 'a_1', 'a_1_1']
    """
    seen: set[str] = set()
    unique = []
    for own in names:
        numbered = (f"{own}{mark}{count}" for count in itertools.count(1))
        name = next(name for name in itertools.chain([own], numbered) if name not in seen)
        seen.add(name)
        unique.append(name)
    return unique
