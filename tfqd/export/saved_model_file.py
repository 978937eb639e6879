"""SavedModels for TensorFlow Serving that are as small as the packed codes."""

import os
import pathlib
import tempfile
import warnings
from typing import Any

import keras
import tensorflow as tf

from tfqd.compressed import CompressedModel, Probes
from tfqd.export import probes as probing
from tfqd.export.comparison import Verification, hold_against
from tfqd.export.endings import check_ending
from tfqd.export.origin import Origin, computing_in, origin_of
from tfqd.export.paths import bytes_on_disk, check_path_for_tensorflow
from tfqd.export.precision import COMPUTE_TYPES, tolerance_of
from tfqd.export.served_model import ServedModel
from tfqd.export.staging import new_folder
from tfqd.export.warmup import write_warmup
from tfqd.spec.checks import check_choice, checked_count, checked_optional_positive
from tfqd.wrapping.plain_values import as_floats
from tfqd.wrapping.state import from_rest

PROBES_IN_FOLDER = pathlib.PurePath("assets.extra", "tfqd_probes.npz")


def write_saved_model(
    model: keras.Model | CompressedModel,
    path: str | os.PathLike,
    *,
    version: int = 1,
    dtype: str | None = None,
    warmup: Any = None,
    probes: Any = None,
    tolerance: float | None = None,
) -> Verification:
    """Writes ``path/version/`` as TensorFlow Serving loads it.

    The checkpoint holds packed codes, scales, offsets and points. They are
    decoded once, when the model is loaded, by standard operations, to the very
    values that the quantized model computes with; a call costs what it costs
    with float weights. The folder is written under another name, run, and
    renamed: when it answers otherwise than the model it never appears.

    The signature ``serving_default`` has the model's input and output names and
    whatever batch size its inputs leave free. Inputs have the dtypes of the model's
    Input layers. A subclassed model has none: its inputs have the dtypes of `probes`,
    else of the probes in the `tfqd.CompressedModel`, else of `warmup`, else float32;
    pass ``np.zeros((1, 14), "int32")`` or the like for tokens. Outputs of float16 and
    bfloat16 are answered as float32.

    Args:
        model: a quantized, mixed or float Keras model, of a Distiller its student, or a
            `tfqd.CompressedModel`.
        path: folder of the model's versions; made when it is missing.
        version: number of the folder in it, at least 1; must not exist.
        dtype: ``"float32"``, ``"bfloat16"`` or ``"float16"``: hold the
            quantized weights and compute in that type. None computes as the
            model does and holds them in float32.
        warmup: inputs, as the model takes them, of a request that TensorFlow
            Serving is to run when it loads the model; None for no request.
        probes: inputs to hold the file against the model by, as the model takes
            them; random ones that fit its inputs when None. They are kept in the
            folder for `verify`.
        tolerance: the largest difference to let pass, relative to the largest
            output; None for 1e-5, or 1e-2 and 5e-2 where layers compute in
            float16 and bfloat16.

    A plain model that trained under `tfqd.callbacks.QuantizeWeights` is written in
    floats, with a warning.

    Returns:
        How exactly the SavedModel answers, which says what `dtype` costs.

    Raises:
        TypeError: when `model` is something else.
        ValueError: for a version that exists, the ending of another kind of file,
            another dtype, inputs that do not fit, or a model that cannot be rebuilt.
        VerificationError: a ValueError, when the SavedModel answers otherwise.
        OSError: when the folder cannot be written.

    Example:

    >>> tfqd.export.saved_model(quantized, "served/digits").largest_difference < 1e-5
    True
    """
    check_choice("dtype", dtype, (None, *COMPUTE_TYPES))
    checked_optional_positive("tolerance", tolerance)
    check_ending(path, "/")
    folder = _version_folder(path, version)
    check_path_for_tensorflow(folder)
    floats = as_floats(model)
    if floats is not None:
        warnings.warn(floats, stacklevel=2)
    origin = origin_of(model, probes, warmup=warmup)
    requests = None if warmup is None else origin.signature.check(warmup, "warmup")
    computing = origin if dtype is None else computing_in(origin, dtype)
    tolerance = tolerance or max(
        tolerance_of(each.compressed.architecture) for each in (origin, computing)
    )
    with new_folder(folder) as staged:
        _save(staged, computing, dtype, origin.probes, tolerance)
        if requests is not None:
            write_warmup(staged, folder.parent.name, requests)
        return _run(staged, origin.probes, tolerance)


def saved_model_size(model: keras.Model | CompressedModel, probes: Any = None) -> int:
    """Bytes of what `write_saved_model` writes of these, which is not run to count them."""
    origin = origin_of(model, probes)
    tolerance = tolerance_of(origin.compressed.architecture)
    with tempfile.TemporaryDirectory() as folder:
        _save(pathlib.Path(folder), origin, None, origin.probes, tolerance)
        return bytes_on_disk(pathlib.Path(folder))


def _save(
    folder: pathlib.Path, computing: Origin, dtype: str | None, probes: Probes, tolerance: float
) -> None:
    """Writes the SavedModel and the probes that it is to be held against."""
    served = ServedModel(computing, tf.as_dtype(dtype or "float32"))
    with from_rest(computing.plain):
        served.save(folder)
    probes_file = folder / PROBES_IN_FOLDER
    probes_file.parent.mkdir(exist_ok=True)
    probes_file.write_bytes(probing.to_bytes(probes, tolerance))


def verify_saved_model(path: pathlib.Path) -> Verification:
    """Runs a SavedModel, or the newest of a folder of them; see `tfqd.export.verify`."""
    folder = newest_version(path)
    probes, tolerance = probing.read_probes(
        folder, lambda folder: (folder / PROBES_IN_FOLDER).read_bytes()
    )
    return _run(folder, probes, tolerance)


def _run(folder: pathlib.Path, probes: Probes, tolerance: float) -> Verification:
    """Runs the serving signature of a SavedModel."""
    check_path_for_tensorflow(folder)
    try:
        loaded = tf.saved_model.load(str(folder))
        serve = loaded.signatures["serving_default"]
        return hold_against(probes, "saved_model", tolerance, lambda inputs: serve(**inputs))
    except tf.errors.OpError as error:
        raise ValueError(f"{folder} cannot be loaded and run: {error.message}") from error


def _version_folder(path: str | os.PathLike, version: int) -> pathlib.Path:
    folder = pathlib.Path(path).absolute() / str(checked_count("version", version))
    if folder.exists():
        raise ValueError(
            f"version {version} exists already, as {folder}; pass another version= or remove it"
        )
    return folder


def is_saved_model(path: pathlib.Path) -> bool:
    """Whether it is a SavedModel's folder, or one of numbered versions."""
    return any(path.glob("saved_model.pb")) or any(path.glob("[0-9]*/saved_model.pb"))


def bytes_read(path: pathlib.Path) -> int:
    """Bytes of a file, or of the SavedModel that is read of a folder of its versions."""
    return bytes_on_disk(newest_version(path) if is_saved_model(path) else path)


def newest_version(path: pathlib.Path) -> pathlib.Path:
    """A SavedModel's folder: `path` itself, or the one of the largest number in it.

    Raises:
        ValueError: when there is none.
    """
    if (path / "saved_model.pb").exists():
        return path
    versions = [int(folder.name) for folder in path.iterdir() if folder.name.isdecimal()]
    if not versions:
        raise ValueError(f"{path} holds no SavedModel and no numbered versions of one")
    return path / str(max(versions))
