"""Any exported file run again, and its answers held against the model's."""

import os
import pathlib

from tfqd.export.archive_file import verify_archive
from tfqd.export.comparison import Verification
from tfqd.export.file_kind import file_kind
from tfqd.export.keras_file import verify_keras
from tfqd.export.saved_model_file import verify_saved_model
from tfqd.wrapping.complaints import complaint


def verify(path: str | os.PathLike) -> Verification:
    """Runs a file that tfqd has exported on the probes that it carries.

    The answers were those of the quantized Keras model; neither that model nor
    tfqd's classes are needed.

    Args:
        path: a SavedModel's folder, a folder of its numbered versions (the
            newest is run, as TensorFlow Serving does), a ``.keras`` file, a
            ``.tflite`` file, or an archive of any name, ``.tfqd`` by custom.
            Running a SavedModel executes its graph: verify those you trust.

    Raises:
        VerificationError: a ValueError, when the answers differ.
        ValueError: when it is none of these, damaged, or carries no probes.
        OSError: when it cannot be read.

    Example:

    >>> _ = tfqd.save(quantized, "small.tfqd")
    >>> tfqd.export.verify("small.tfqd")
    Verification(kind='tfqd', largest_difference=0.0, tolerance=1e-05)
    """
    kind, path = file_kind(path), pathlib.Path(path)
    try:
        return _verify(path, kind)
    except (OSError, ValueError):
        raise
    except Exception as error:  # a damaged file makes its reader raise whatever it likes
        raise ValueError(f"{path} is no export of tfqd, or damaged: {complaint(error)}") from error


def _verify(path: pathlib.Path, kind: str) -> Verification:
    if kind == "safetensors":
        raise ValueError(
            f"{path} holds weights without a model, so it cannot be run; "
            "tfqd.export.safetensors(model, path) reads what it has written and compares it"
        )
    if kind == "tflite":
        # Its schema is in a package that is optional.
        from tfqd.export.litert.checking.checks import verify_tflite

        return verify_tflite(path)
    readers = {"tfqd": verify_archive, "saved_model": verify_saved_model}
    return readers.get(kind, verify_keras)(path)
