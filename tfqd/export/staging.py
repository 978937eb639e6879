"""Files and folders that appear complete or not at all."""

import contextlib
import os
import pathlib
import secrets
import shutil
from collections.abc import Iterator


@contextlib.contextmanager
def new_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder to fill, which becomes `path` when the block ends without an error.

    Until then it stands beside `path` under a name that begins with a dot, and
    after an error it is removed, with what parents had to be made for it. What
    a killed process leaves behind is that folder, never a part of `path`.

    Raises:
        OSError: when it cannot be written, or `path` has come to be meanwhile.
    """
    made = [parent for parent in path.parents if not parent.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = _beside(path)
    folder.mkdir()
    try:
        yield folder
        for inner, _, files in os.walk(folder):
            for name in [*files, ""]:
                _sync(os.path.join(inner, name))
        os.rename(folder, path)
    except BaseException:
        shutil.rmtree(folder)
        for parent in made:
            with contextlib.suppress(OSError):  # another export may use it by now
                parent.rmdir()
        raise
    _sync(path.parent)


@contextlib.contextmanager
def new_file(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A file to write, which replaces `path` when the block ends without an error.

    It stands beside `path` and has the same suffix; after an error it is
    removed, and the file that was at `path` is as before.

    Raises:
        OSError: when it cannot be written.
    """
    file = _beside(path)
    try:
        yield file
        _sync(file)
        os.replace(file, path)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _beside(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(f".tfqd-{secrets.token_hex(8)}{path.suffix}")


def _sync(path) -> None:
    """Makes a file or, where the system can, a folder durable."""
    if os.path.isdir(path) and not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
