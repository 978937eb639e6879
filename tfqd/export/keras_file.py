"""A plain ``.keras`` file, for tools that know nothing of quantization."""

import os
import pathlib
import zipfile
from typing import Any

import keras

from tfqd.compressed import CompressedModel, Probes
from tfqd.compressed.atomic import new_file
from tfqd.export import probes as probing
from tfqd.export.call_size import check_call_size
from tfqd.export.comparison import Verification, hold_against
from tfqd.export.endings import check_ending
from tfqd.export.origin import origin_of
from tfqd.export.precision import tolerance_of
from tfqd.export.signature import Signature
from tfqd.spec.checks import checked_optional_positive
from tfqd.wrapping.serving import load_keras_file

PROBES_IN_ZIP = "tfqd_probes.npz"


def write_keras(
    model: keras.Model | CompressedModel,
    path: str | os.PathLike,
    *,
    probes: Any = None,
    tolerance: float | None = None,
) -> Verification:
    """Writes a plain Keras model that holds the quantized values as floats.

    The file loads with ``keras.saving.load_model`` alone and is as large as a
    float model's. It is written under another name, run, and renamed: when it
    answers otherwise than the model it never appears.

    A model that rounds activations keeps the layers that do: its file loads once tfqd
    is imported; one with tfmot's quantizers in ``tfqd.tfmot.quantize_scope()``.

    Args:
        model: a quantized, mixed or float Keras model, of a Distiller its student, or a
            `tfqd.CompressedModel`.
        path: file to write or replace, ``*.keras``.
        probes: inputs to hold the file against the model by, as the model takes
            them; random ones that fit its inputs when None. Of a subclassed model they
            say the dtypes of its inputs, float32 when None. They are kept in the file for
            `verify`.
        tolerance: the largest difference to let pass, relative to the largest
            output; None for 1e-5, or 1e-2 and 5e-2 where layers compute in
            float16 and bfloat16.

    Returns:
        How exactly the file answers.

    Raises:
        TypeError: when `model` is something else.
        ValueError: for another suffix, bad arguments, or a model that cannot be
            rebuilt.
        VerificationError: a ValueError, when the file answers otherwise.
        OSError: when the file cannot be written.
    """
    check_ending(path, ".keras")
    path = pathlib.Path(path)
    checked_optional_positive("tolerance", tolerance)
    origin = origin_of(model, probes)
    tolerance = tolerance or tolerance_of(origin.compressed.architecture)
    with new_file(path) as file:
        origin.plain.save(file)
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(PROBES_IN_ZIP, probing.to_bytes(origin.probes, tolerance))
        return _run(load_keras_file(file), origin.probes, tolerance)


def verify_keras(path: pathlib.Path) -> Verification:
    """Loads and calls a plain ``.keras`` model; see `tfqd.export.verify`."""
    probes, tolerance = probing.read_probes(path, _stored)
    model = load_keras_file(path)
    check_call_size(model, Signature(model, probes.inputs), probes.inputs)
    return _run(model, probes, tolerance)


def _run(model: keras.Model, probes: Probes, tolerance: float) -> Verification:
    signature = Signature(model, probes.inputs)
    return hold_against(
        probes, "keras", tolerance, lambda inputs: probing.answers(model, signature, inputs)
    )


def _stored(path: pathlib.Path) -> bytes:
    with zipfile.ZipFile(path) as file:
        return file.read(PROBES_IN_ZIP)
