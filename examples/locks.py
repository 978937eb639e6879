"""Several processes that share a folder, one after the other."""

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def alone_in(folder: pathlib.Path) -> Iterator[None]:
    """Waits until no other process is in the folder; the lock lies beside it.

    The folder itself need not be there yet. A process that is killed leaves it.
    """
    lock = folder.with_name(f"{folder.name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
