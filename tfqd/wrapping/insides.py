"""Asking for parts of a library that it does not promise to keep, before they are used."""

import contextlib
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any


@contextlib.contextmanager
def insides_of(library: ModuleType) -> Iterator[None]:
    """Around imports: says which version of the library lacks what is imported.

    Raises:
        ImportError: for a name that this version does not have.
    """
    try:
        yield
    except ImportError as error:
        raise _lacking(library, str(error)) from error


def check_attributes(library: ModuleType, owner: Any, names: Iterable[str]) -> None:
    """Raises ImportError naming those of the attributes that `owner`, of the library, lacks."""
    missing = [name for name in names if not hasattr(owner, name)]
    if missing:
        kind = owner if isinstance(owner, type) else type(owner)
        raise _lacking(library, f"{kind.__name__} has no {', '.join(missing)}")


def _lacking(library: ModuleType, what: str) -> ImportError:
    return ImportError(
        f"tfqd cannot work with {library.__name__} {library.__version__}, which lacks a part that "
        f"tfqd uses: {what}"
    )
