"""A file is either the old one or the new one, whatever happens in between."""

import contextlib
import os
import secrets
from collections.abc import Iterable


def replace_file(path: str | os.PathLike, chunks: Iterable[bytes]) -> None:
    """Writes `chunks` to `path` such that no reader and no crash sees a part of them.

    The bytes go to a new file in the same folder, reach the disk, and take the
    name at once; then the folder reaches the disk. When anything fails the new
    file is removed and the old one, if there was one, is as before. A symbolic
    link is followed, not replaced.

    Raises:
        OSError: when the folder is missing, not writable or full.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".tfqd-{secrets.token_hex(8)}.tmp")
    # Opened by hand, not by tempfile, so that the file's mode follows the umask.
    binary = getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Makes the new name durable; folders cannot be opened on Windows."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
