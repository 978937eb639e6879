"""What may stand at a path that is read, and which paths TensorFlow can take."""

import contextlib
import os
import pathlib
import stat
from collections.abc import Iterator

_PATTERN = "*?[]"


def check_regular(path: pathlib.Path) -> None:
    """Raises ValueError unless `path` is a file, or a folder of files and folders alone.

    A pipe would be waited for without an end, and a device has none.

    Raises:
        OSError: when there is nothing, or it cannot be looked at.
        ValueError: for another path, or with anything else in it.
    """
    if not path.is_dir():
        found = [path]
    else:
        found = [pathlib.Path(parent, name) for parent, _, names in os.walk(path) for name in names]
    for file in found:
        if not stat.S_ISREG(file.stat().st_mode):
            raise ValueError(f"{file} is a device, pipe or socket; expected a file")


def check_path_for_tensorflow(path: pathlib.Path) -> None:
    """Raises ValueError for a path that TensorFlow would not read as it is written.

    TensorFlow looks up the parts of a checkpoint by pattern, and takes UTF-8 alone.
    """
    text = str(path)
    found = sorted(set(_PATTERN) & set(text))
    if found:
        raise ValueError(
            f"TensorFlow reads {' '.join(found)} in a path as a pattern, not as part of a name; "
            f"use another folder than {text!r}"
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"TensorFlow takes paths in UTF-8; use another folder than {text!r}"
        ) from error


def bytes_on_disk(path: pathlib.Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(file.stat().st_size for file in files)


@contextlib.contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
    """Puts the path before the text of a ValueError that does not name it.

    The error keeps its class, where that is made by a text alone.
    """
    try:
        yield
    except ValueError as error:
        if os.fspath(path) in str(error):
            raise
        kind = type(error)
        takes_text = kind.__init__ is ValueError.__init__
        raise (kind if takes_text else ValueError)(f"{os.fspath(path)}: {error}") from error
