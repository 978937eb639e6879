"""What kind of file stands at a path that is to be read."""

import os
import pathlib

from tfqd.compressed import is_container
from tfqd.export.paths import check_regular
from tfqd.spec.checks import check_given

_ENDINGS = {".tfqd": "tfqd", ".tflite": "tflite", ".safetensors": "safetensors"}
# Archives may have these too; Keras knows them in small letters alone.
_KERAS_ENDINGS = {".keras": "keras", ".h5": "hdf5", ".hdf5": "hdf5"}


def file_kind(path: str | os.PathLike) -> str:
    """What kind of file is at a path.

    ``.tfqd``, ``.tflite`` and ``.safetensors`` tell of it in letters of any size. Other files are
    archives where they begin as those do, else Keras' by its endings. What is said to be of a
    kind may be damaged.

    Args:
        path: of a file, or of a folder with nothing but files and folders.

    Returns:
        ``"tfqd"``, ``"tflite"``, ``"keras"``, ``"hdf5"`` or ``"safetensors"``, ``"saved_model"``
        for any folder, ``"other"`` for other files.

    Raises:
        ValueError: for an empty path, a device, a pipe or a socket.
        OSError: when there is nothing, or it cannot be read.
    """
    check_given(path)
    path = pathlib.Path(path)
    check_regular(path)
    if path.is_dir():
        return "saved_model"
    kind = _ENDINGS.get(path.suffix.lower())
    if kind is not None:
        return kind
    return "tfqd" if is_container(path) else _KERAS_ENDINGS.get(path.suffix, "other")
