"""`tfqd.load`: from a `.tfqd` archive back to a model."""

import os

import keras

from tfqd.compressed import CompressedModel, read_archive
from tfqd.wrapping import model_from_compressed

KINDS = ("keras", "quantized", "compressed")


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
