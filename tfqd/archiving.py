"""`tfqd.load`: from a `.tfqd` archive back to a model."""

import os

import keras

from tfqd.compressed import CompressedModel, read_archive
from tfqd.wrapping import model_from_compressed
from tfqd.wrapping.bridge import to_tf_keras

KINDS = ("keras", "tf_keras", "quantized", "compressed")


def load(path: str | os.PathLike, kind: str = "keras") -> keras.Model | CompressedModel:
    """Reads a `.tfqd` archive.

    Loading runs no code of the file's and checks every byte by its hash.

    Args:
        path: the archive.
        kind: ``"keras"`` for a plain model, of the Keras version that the archive
            was saved from, that holds the quantized values; ``"tf_keras"`` for
            one of Keras 2 in any case (see `tfqd.to_tf_keras`);
            ``"quantized"`` for a quantized model that trains on from them,
            ``"compressed"`` for the `CompressedModel`.

    Raises:
        tfqd.ArchiveError: a ValueError, for a damaged or foreign file.
        ValueError: for an unknown kind, an archive without architecture, or one
            with layers that tf_keras does not know.
        OSError: when the file cannot be read.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}; got {kind!r}")
    compressed = read_archive(path)
    if kind == "compressed":
        return compressed
    model = model_from_compressed(compressed, quantized=kind == "quantized")
    convert = kind == "tf_keras" and compressed.keras_version == "keras"
    return to_tf_keras(model) if convert else model
