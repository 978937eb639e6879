"""A file is either the old one or the new one, whatever happens in between."""

import contextlib
import errno
import os
import pathlib
import secrets
import stat
from collections.abc import Iterable, Iterator

# A name that fits a file system must not become one that does not.
_LONGEST_SUFFIX = 32


def replace_file(path: str | os.PathLike, chunks: Iterable[bytes]) -> None:
    """Writes `chunks` to `path` as `new_file` does.

    Raises:
        OSError: when the folder is missing, not writable or full.
    """
    with new_file(path) as temporary, open(temporary, "xb") as file:
        file.writelines(chunks)


@contextlib.contextmanager
def new_file(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """A file to write, which replaces `path` when the block ends without an error.

    It stands in the same folder and has the same suffix, if that is short; it reaches the disk and
    takes the name at once, then the folder reaches the disk. When anything fails
    it is removed, and the file at `path`, if there was one, is as before. A
    symbolic link is followed, not replaced. A file that is replaced keeps its mode.

    Raises:
        OSError: when it cannot be written, or `path` is a folder, a device, a pipe or
            anything else but a file, or in no folder that is there: before anything is touched.
    """
    mode = _mode_of_file(path)
    target = pathlib.Path(os.path.realpath(path))
    if not target.parent.is_dir():
        folder, given = str(target.parent), os.fspath(path)
        raise FileNotFoundError(f"there is no folder {folder!r} to write {given!r} into")
    temporary = beside(target)
    try:
        yield temporary
        if mode is not None:
            os.chmod(temporary, mode)
        sync(temporary)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(target.parent)


def _mode_of_file(path: str | os.PathLike) -> int | None:
    """The permissions of the file at `path`; None when there is nothing yet.

    Raises:
        OSError: when it is no regular file.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode):
        raise OSError(f"{os.fspath(path)!r} is a device, pipe or socket; expected a file to write")
    return stat.S_IMODE(mode)


def beside(path: pathlib.Path) -> pathlib.Path:
    """An unused name in the same folder, with the same suffix unless that is a long one."""
    suffix = path.suffix if len(path.suffix) <= _LONGEST_SUFFIX else ""
    return path.with_name(f".tfqd-{secrets.token_hex(8)}{suffix}")


def sync(path: str | os.PathLike) -> None:
    """Makes a file or a folder durable; folders cannot be opened on Windows."""
    if os.path.isdir(path) and not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
