"""`tfqd.save` and `tfqd.load`: a ``.tfqd`` archive, run before it is handed over."""

import dataclasses
import math
import os
import pathlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfqd.compressed import ArchiveError, CompressedModel, Probes, read_archive, write_archive
from tfqd.compressed.archive import encode_archive
from tfqd.compressed.atomic import new_file
from tfqd.compressed.facts import checked_facts
from tfqd.export import probes as probing
from tfqd.export.call_size import check_call_size
from tfqd.export.comparison import Verification, hold_against
from tfqd.export.endings import check_ending
from tfqd.export.origin import Origin, origin_of
from tfqd.export.precision import TOLERANCES, tolerance_of
from tfqd.export.probes_error import ProbesError
from tfqd.export.signature import Signature
from tfqd.spec.checks import check_choice
from tfqd.version import __version__
from tfqd.wrapping import compress, model_from_compressed
from tfqd.wrapping.architectures import BY_HAND
from tfqd.wrapping.bridge import to_tf_keras

KINDS = ("keras", "tf_keras", "quantized", "compressed")


def save(
    model: keras.Model | CompressedModel,
    path: str | os.PathLike,
    *,
    facts: Mapping[str, Any] | None = None,
    rest_dtype: str = "float32",
    scale_dtype: str = "float32",
    probes: Any = None,
) -> Verification | None:
    """Writes a quantized model as a `.tfqd` archive.

    The file is written under another name, read back, run on probe inputs,
    synced to disk and renamed: it appears complete and right, or not at all.

    Args:
        model: a quantized Keras model, of a Distiller its student, or what `tfqd.compress`
            made of it.
        path: file to write or replace, ``*.tfqd`` by custom; no ending of another kind.
        facts: what to remember of the training, JSON values by texts; readable in the
            archive's manifest.
        rest_dtype: ``"float32"``, ``"float16"`` or ``"bfloat16"`` for the
            weights that stayed float.
        scale_dtype: the same for scales and offsets. The weights then move a
            little, by at most what the manifest states. Scales that are all too small
            for float16 are stored in bfloat16. A warning says so where the answers move
            by more than 1e-2 of the largest for float16, or 5e-2 for bfloat16. Other than
            float32, `tfqd.load` may refuse to make a quantized model of the file.
        probes: inputs to hold the file against the model by, as the model takes
            them; random ones that fit its inputs when None. Of a subclassed model they
            say the dtypes of its inputs, float32 when None. They are kept in the file for
            `tfqd.export.verify`.

    Returns:
        How exactly the file answers as the model does, which says what `rest_dtype` and
        `scale_dtype` cost. `tfqd.export.verify` holds the file against what it answers in
        them. None for weights without an architecture, which nothing can run. A warning
        says why there is none, and what is then needed to have a model again.

    Raises:
        TypeError, ValueError: as `tfqd.compress`, and for values that cannot be
            written, probes that do not fit, or a path that ends as another kind of
            file, with the call that writes that.
        VerificationError: a ValueError, when the file answers otherwise.
        OSError: when the file cannot be written.

    Example:

    >>> tfqd.save(quantized, "small.tfqd", facts={"epochs": 5})
    Verification(kind='tfqd', largest_difference=0.0, tolerance=1e-05)
    """
    check_ending(path, ".tfqd")
    compressed = model if isinstance(model, CompressedModel) else compress(model)
    if facts is not None:
        compressed = dataclasses.replace(compressed, facts=checked_facts(facts))
    options = {"rest_dtype": rest_dtype, "scale_dtype": scale_dtype, "versions": _versions()}
    with new_file(pathlib.Path(path)) as file:
        if compressed.architecture is None:
            write_archive(compressed, file, **options)
            _warn_of_no_architecture(compressed, path)
            return None
        oracle = None if isinstance(model, CompressedModel) else model
        origin, moved = origin_of(compressed, probes, oracle), None
        if (rest_dtype, scale_dtype) != ("float32", "float32"):
            write_archive(compressed, file, **options)
            rounded = _answered_by(read_archive(file), origin)
            moved = _moved(origin, rounded, (rest_dtype, scale_dtype), path)
            origin = rounded
        compact = probing.compacted(origin.signature, origin.probes)
        write_archive(dataclasses.replace(compressed, probes=compact), file, **options)
        exact = _run(*_read(file))
        return moved or exact


def archive_size(
    model: keras.Model | CompressedModel,
    *,
    facts: Mapping[str, Any] | None = None,
    rest_dtype: str = "float32",
    scale_dtype: str = "float32",
    probes: Any = None,
) -> int:
    """Bytes of the file that `save` would write; no file is written.

    The arguments and errors are those of `save`.
    """
    compressed = model if isinstance(model, CompressedModel) else compress(model)
    if facts is not None:
        compressed = dataclasses.replace(compressed, facts=checked_facts(facts))
    if compressed.architecture is not None:
        origin = origin_of(compressed, probes)
        compact = probing.compacted(origin.signature, origin.probes)
        compressed = dataclasses.replace(compressed, probes=compact)
    return _encoded_bytes(compressed, rest_dtype=rest_dtype, scale_dtype=scale_dtype)


def archive_size_in_any_case(model: keras.Model | CompressedModel, probes: Any = None) -> int:
    """The same for users who need not give probes; without any where random ones do not suit.

    Args:
        model: as `save` takes it.
        probes: to count in any case; None for random ones.

    Raises:
        TypeError, ValueError: as `save`, but for a model that random inputs do not suit.
    """
    compressed = model if isinstance(model, CompressedModel) else compress(model)
    try:
        return archive_size(compressed, probes=probes)
    except ProbesError:
        if probes is not None:
            raise
        return _encoded_bytes(dataclasses.replace(compressed, probes=None))


def _encoded_bytes(compressed: CompressedModel, **options: Any) -> int:
    return sum(map(len, encode_archive(compressed, versions=_versions(), **options)))


def _warn_of_no_architecture(compressed: CompressedModel, path: str | os.PathLike) -> None:
    if compressed.no_architecture is not None:
        warnings.warn(
            f"{os.fspath(path)!r} has no architecture: {compressed.no_architecture}. {BY_HAND}",
            stacklevel=3,
        )


def _answered_by(rounded: CompressedModel, origin: Origin) -> Origin:
    """The origin with the answers of the model as it is stored, in fewer bytes."""
    model = model_from_compressed(rounded)
    answers = probing.ask(model, origin.signature, origin.probes.inputs)
    return dataclasses.replace(origin, probes=answers)


def _moved(
    origin: Origin, rounded: Origin, dtypes: Sequence[str], path: str | os.PathLike
) -> Verification:
    """How far shorter scales and floats move the answers; a warning where that is far.

    It is no error: activations that are rounded too can tip by a step of theirs.
    """
    tolerance = max(
        tolerance_of(origin.compressed.architecture), *(TOLERANCES[dtype] for dtype in dtypes)
    )
    found = hold_against(origin.probes, "tfqd", math.inf, lambda _: rounded.probes.outputs)
    if found.largest_difference > tolerance:
        warnings.warn(
            f"{os.fspath(path)!r} answers otherwise than the model by "
            f"{found.largest_difference:.3g} of the largest output, for rest_dtype={dtypes[0]!r} "
            f"and scale_dtype={dtypes[1]!r}; {tolerance:.3g} is usual. Leave them float32",
            stacklevel=3,
        )
    return dataclasses.replace(found, tolerance=tolerance)


def _versions() -> dict[str, str]:
    return {
        "tfqd": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
    }


def load(path: str | os.PathLike, kind: str = "keras") -> keras.Model | CompressedModel:
    """Reads a `.tfqd` archive.

    Loading runs no code of the file's and checks every byte by its hash.

    Args:
        path: the archive.
        kind: ``"keras"`` for a plain model, of the Keras version that the archive
            was saved from, that holds the quantized values; ``"tf_keras"`` for
            one of Keras 2 in any case (see `tfqd.to_tf_keras`);
            ``"quantized"`` for a quantized model that trains on from them (points and
            steps of layers that are frozen in it stay frozen, as those of layers that were
            frozen before `tfqd.quantize_model`),
            ``"compressed"`` for the `CompressedModel`.

    Raises:
        tfqd.ArchiveError: a ValueError, for a damaged or foreign file.
        ValueError: for an unknown kind, an archive without architecture (it says
            why, and what to do), or one of a model that tf_keras cannot be given
            (see `tfqd.to_tf_keras`); for ``"quantized"``, where no float weights would be
            quantized to what is stored, as to scales that were rounded in the file.
        OSError: when the file cannot be read.

    Example:

    >>> _ = tfqd.save(quantized, "small.tfqd")
    >>> plain = tfqd.load("small.tfqd")
    >>> again = tfqd.load("small.tfqd", "quantized")
    >>> again.compile("adam", "mse")  # `fit` trains on
    """
    check_choice("kind", kind, KINDS)
    try:
        compressed = read_archive(path)
    except ArchiveError as error:
        if pathlib.Path(path).suffix == ".keras":
            raise ArchiveError(f"{error}; keras.saving.load_model reads .keras files") from error
        raise
    if kind == "compressed":
        return compressed
    model = model_from_compressed(compressed, quantized=kind == "quantized")
    convert = kind == "tf_keras" and compressed.keras_version == "keras"
    return to_tf_keras(model) if convert else model


def verify_archive(path: pathlib.Path) -> Verification:
    """Makes the plain model of an archive and calls it; see `tfqd.export.verify`."""
    model, signature, probes, compressed = _read(path)
    check_call_size(model, signature, probes.inputs)
    return _run(model, signature, probes, compressed)


def _read(path: pathlib.Path) -> tuple[keras.Model, Signature, Probes, CompressedModel]:
    """The plain model of an archive, what it takes, its probes, expanded, and what was read."""
    compressed = read_archive(path)
    if compressed.probes is None:
        reason = compressed.no_architecture
        why = f", as it has no architecture: {reason}" if reason else ""
        raise ValueError(f"{path} carries no probes to verify it by{why}")
    model = model_from_compressed(compressed)
    stored = compressed.probes
    signature = Signature(model, stored.inputs)
    expanded = Probes(probing.expanded(signature, stored.inputs), stored.outputs)
    return model, signature, expanded, compressed


def _run(
    model: keras.Model, signature: Signature, probes: Probes, compressed: CompressedModel
) -> Verification:
    tolerance = tolerance_of(compressed.architecture)
    return hold_against(
        probes,
        "tfqd",
        tolerance,
        lambda inputs: probing.answers(model, signature, inputs),
    )
