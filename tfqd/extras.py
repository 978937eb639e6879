"""Packages that not everybody needs, asked for where they are missing."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def needing(extra: str, purpose: str) -> Iterator[None]:
    """Around imports: says how to install what is missing.

    Args:
        extra: the extra of tfqd that has it.
        purpose: what needs it, such as ``"tf_keras models"``.

    Raises:
        ModuleNotFoundError: for a package that is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{purpose} need the package {error.name}: pip install 'tfqd[{extra}]'",
            name=error.name,
        ) from error
