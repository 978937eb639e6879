"""TFLite files for callers that cannot choose the batch size, of one example where none is free."""

import os
from typing import Any

import keras

from tfqd.compressed import CompressedModel
from tfqd.export.litert.lowering.complaints import FreeBatchError
from tfqd.export.litert.report import TfliteExport
from tfqd.export.litert.writer import write_tflite


def write_free_or_one(
    model: keras.Model | CompressedModel, path: str | os.PathLike, **options: Any
) -> tuple[TfliteExport, int | None]:
    """Writes a TFLite file of a free batch size, or where there can be none of one example.

    Args:
        model, path: as `write_tflite`.
        options: its further arguments but for `batch_size`.

    Returns:
        What it gives, and the batch size that is fixed in the file: 1, or None where it is free.

    Raises:
        TypeError, ValueError, OSError: as `write_tflite`; when neither file can be made, what is
            wrong with that of one example.
    """
    try:
        return write_tflite(model, path, **options), None
    except FreeBatchError:
        return write_tflite(model, path, batch_size=1, **options), 1
