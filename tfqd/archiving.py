"""`tfqd.save` and `tfqd.load`: models to `.tfqd` archives and back."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfqd.compressed import CompressedModel, read_archive, write_archive
from tfqd.version import __version__
from tfqd.wrapping import compress, model_from_compressed

KINDS = ("keras", "quantized", "compressed")


def save(
    model: keras.Model | CompressedModel,
    path: str | os.PathLike,
    *,
    facts: Mapping[str, Any] | None = None,
    rest_dtype: str = "float32",
    scale_dtype: str = "float32",
) -> None:
    """Writes a quantized model as a `.tfqd` archive.

    The file appears complete or not at all: it is written under a temporary
    name, synced to disk and renamed.

    Args:
        model: a quantized Keras model, or what `tfqd.compress` made of it.
        path: file to write or replace, ``*.tfqd`` by custom.
        facts: what to remember of the training, as JSON values; kept readable
            in the archive's manifest.
        rest_dtype: ``"float32"``, ``"float16"`` or ``"bfloat16"`` for the
            weights that stayed float.
        scale_dtype: the same for scales and offsets; the weights then move a
            little, by at most what the manifest states.

    Raises:
        TypeError, ValueError: as `tfqd.compress`, and for values that cannot be
            written.
        OSError: when the file cannot be written.
    """
    compressed = model if isinstance(model, CompressedModel) else compress(model)
    if facts is not None:
        compressed = dataclasses.replace(compressed, facts=dict(facts))
    versions = {
        "tfqd": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
    }
    write_archive(
        compressed, path, rest_dtype=rest_dtype, scale_dtype=scale_dtype, versions=versions
    )


def load(path: str | os.PathLike, kind: str = "keras") -> keras.Model | CompressedModel:
    """Reads a `.tfqd` archive.

    Loading runs no code of the file's and checks every byte by its hash.

    Args:
        path: the archive.
        kind: ``"keras"`` for a plain Keras model that holds the quantized
            values, ``"quantized"`` for a quantized model that trains on from
            them, ``"compressed"`` for the `CompressedModel`.

    Raises:
        tfqd.ArchiveError: a ValueError, for a damaged or foreign file.
        ValueError: for an unknown kind, or an archive without architecture.
        OSError: when the file cannot be read.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}; got {kind!r}")
    compressed = read_archive(path)
    if kind == "compressed":
        return compressed
    return model_from_compressed(compressed, quantized=kind == "quantized")
