"""What the ending of a path says of the file, and which call writes files of that kind."""

import os
import pathlib

from tfqd.spec.checks import check_given

_KERAS = "model.save(path)"
_TFLITE = "tfqd.export.tflite(model, path)"
_SAVED_MODEL = "tfqd.export.saved_model(model, folder)"
_WRITTEN_BY = {
    ".tfqd": "tfqd.save(model, path)",
    ".keras": f"{_KERAS}, or as a plain model by tfqd.export.keras(model, path)",
    ".h5": _KERAS,
    ".hdf5": _KERAS,
    ".tflite": _TFLITE,
    ".lite": _TFLITE,
    ".safetensors": "tfqd.export.safetensors(model, path)",
    ".html": "tfqd.html_report(model, path)",
    ".pb": _SAVED_MODEL,
    "/": _SAVED_MODEL,
}


def check_ending(path: str | os.PathLike, own: str) -> None:
    """Raises ValueError unless a path to write ends as its kind of file does.

    Archives may have any name, and SavedModels, which are folders, too, but not the
    ending of another kind.

    Args:
        path: as a user has given it.
        own: the kind's ending: ``".tfqd"``, ``".keras"``, ``".tflite"``,
            ``".safetensors"``, ``".html"``, or ``"/"`` for a folder.

    Raises:
        ValueError: for another; it names the call that writes such files.
    """
    check_given(path)
    text = os.fspath(path)
    found = "/" if text.endswith("/") else pathlib.PurePath(text).suffix.lower()
    if found == own == ".keras" and not text.endswith(own):
        raise ValueError(f"path must end in .keras, in small letters, as Keras asks; got {text!r}")
    if found == own or (own in (".tfqd", "/") and found not in _WRITTEN_BY):
        return
    wanted = "name a folder" if own == "/" else f"end in {own}"
    other = ""
    if found in _WRITTEN_BY:
        kind = "a SavedModel's folder" if found == "/" else f"a {found} file"
        other = f"; {kind} is written by {_WRITTEN_BY[found]}"
    raise ValueError(f"path must {wanted}; got {text!r}{other}")
