"""Folders that appear complete or not at all."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

from tfqd.compressed.atomic import beside, sync


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
    folder = beside(path)
    folder.mkdir()
    try:
        yield folder
        for inner, _, files in os.walk(folder):
            for name in [*files, ""]:
                sync(os.path.join(inner, name))
        os.rename(folder, path)
    except BaseException:
        shutil.rmtree(folder)
        for parent in made:
            with contextlib.suppress(OSError):  # another export may use it by now
                parent.rmdir()
        raise
    sync(path.parent)
