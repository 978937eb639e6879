"""Any exported file run again, and its answers held against the model's."""

import os
import pathlib

from tfqd.compressed import is_container
from tfqd.export.archive_file import verify_archive
from tfqd.export.comparison import Verification
from tfqd.export.keras_file import verify_keras
from tfqd.export.paths import check_given, check_regular
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
    check_given(path)
    path = pathlib.Path(path)
    check_regular(path)
    try:
        return _verify(path)
    except (OSError, ValueError):
        raise
    except Exception as error:  # a damaged file makes its reader raise whatever it likes
        raise ValueError(f"{path} is no export of tfqd, or damaged: {complaint(error)}") from error


def _verify(path: pathlib.Path) -> Verification:
    if path.is_dir():
        return verify_saved_model(path)
    ending = path.suffix.lower()
    if ending == ".tfqd":
        return verify_archive(path)
    if ending == ".safetensors":
        raise ValueError(
            f"{path} holds weights without a model, so it cannot be run; "
            "tfqd.export.safetensors(model, path) reads what it has written and compares it"
        )
    if ending == ".tflite":
        # Its schema is in a package that is optional.
        from tfqd.export.litert.checking.checks import verify_tflite

        return verify_tflite(path)
    if is_container(path):
        return verify_archive(path)
    return verify_keras(path)
