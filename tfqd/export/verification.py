"""Running an exported file and holding its answers against the model's."""

import dataclasses
import os
import pathlib
import zipfile
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from tfqd.compressed import Probes, read_archive
from tfqd.export import probes as probing
from tfqd.export.paths import check_path_for_tensorflow, check_regular
from tfqd.export.precision import tolerance_of
from tfqd.export.signature import Signature
from tfqd.wrapping import model_from_compressed
from tfqd.wrapping.serving import load_keras_file

PROBES_IN_FOLDER = pathlib.PurePath("assets.extra", "tfqd_probes.npz")
PROBES_IN_ZIP = "tfqd_probes.npz"

Runner = Callable[[Mapping[str, np.ndarray]], Mapping[str, tf.Tensor]]


class VerificationError(ValueError):
    """A file does not answer as the model does that it was made from."""


@dataclasses.dataclass(frozen=True)
class Verification:
    """What came of running a file on its probes.

    kind: ``"saved_model"``, ``"keras"``, ``"tflite"`` or ``"tfqd"``.
    largest_difference: of any output value, relative to the largest absolute
        value of its output.
    tolerance: how large it may be.
    """

    kind: str
    largest_difference: float
    tolerance: float


def verify(path: str | os.PathLike) -> Verification:
    """Runs a file that tfqd has exported on the probes that it carries.

    The answers were those of the quantized Keras model; neither that model nor
    tfqd's classes are needed.

    Args:
        path: a SavedModel's folder, a folder of its numbered versions (the
            newest is run, as TensorFlow Serving does), a ``.keras`` file, a
            ``.tflite`` file or a ``.tfqd`` archive.
            Running a SavedModel executes its graph: verify those you trust.

    Raises:
        VerificationError: a ValueError, when the answers differ.
        ValueError: when it is none of these, damaged, or carries no probes.
        OSError: when it cannot be read.
    """
    path = pathlib.Path(path)
    check_regular(path)
    try:
        return _verify(path)
    except (OSError, ValueError):
        raise
    except Exception as error:  # a damaged file makes its reader raise whatever it likes
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{path} is no export of tfqd, or damaged: {type(error).__name__}: {reason}"
        ) from error


def _verify(path: pathlib.Path) -> Verification:
    if path.is_dir():
        folder = _newest_version(path)
        return verify_saved_model(folder, *_read_probes(folder, _from_folder))
    if path.suffix == ".tfqd":
        return verify_archive(path)
    if path.suffix == ".tflite":
        from tfqd.export.litert.checking import verify_tflite  # it reads this module

        return verify_tflite(path)
    return verify_keras(path, *_read_probes(path, _from_zip))


def verify_saved_model(folder: pathlib.Path, probes: Probes, tolerance: float) -> Verification:
    """Runs the serving signature of a SavedModel; see `verify`."""
    check_path_for_tensorflow(folder)
    try:
        loaded = tf.saved_model.load(str(folder))
        serve = loaded.signatures["serving_default"]
        return hold_against(probes, "saved_model", tolerance, lambda inputs: serve(**inputs))
    except tf.errors.OpError as error:
        raise ValueError(f"{folder} cannot be loaded and run: {error.message}") from error


def verify_keras(path: pathlib.Path, probes: Probes, tolerance: float) -> Verification:
    """Loads and calls a plain ``.keras`` model; see `verify`."""
    model = load_keras_file(path)
    signature = Signature(model, probes.inputs)
    return hold_against(probes, "keras", tolerance, lambda inputs: signature.call(model, inputs))


def verify_archive(path: pathlib.Path) -> Verification:
    """Makes the plain model of an archive and calls it; see `verify`."""
    compressed = read_archive(path)
    if compressed.probes is None:
        raise ValueError(f"{path} carries no probes to verify it by")
    model = model_from_compressed(compressed)
    stored = compressed.probes
    signature = Signature(model, stored.inputs)
    inputs = probing.expanded(signature, stored.inputs)
    tolerance = tolerance_of(compressed.architecture)
    return hold_against(
        Probes(inputs, stored.outputs),
        "tfqd",
        tolerance,
        lambda inputs: signature.call(model, inputs),
    )


def hold_against(probes: Probes, kind: str, tolerance: float, run: Runner) -> Verification:
    """Runs a file on probes.

    Args:
        probes: the inputs, and the model's answers, which may be thinned.
        kind: what the file is, for the result and the error.
        tolerance: the largest difference to let pass.
        run: inputs by name -> outputs by name.

    Raises:
        VerificationError: when the answers differ by more.
    """
    outputs = run({name: tf.constant(array) for name, array in probes.inputs.items()})
    answers = {name: probing.as_float32(output) for name, output in outputs.items()}
    if answers.keys() != probes.outputs.keys():
        raise VerificationError(
            f"the {kind} file answers {sorted(answers)}; the model {sorted(probes.outputs)}"
        )
    difference = max(_difference(probes.outputs[name], answers[name]) for name in answers)
    if not difference <= tolerance:
        raise VerificationError(
            f"the {kind} file and the model disagree on the probes: the largest difference is "
            f"{difference:.3g} of the largest output, the tolerance {tolerance:.3g}"
        )
    return Verification(kind, difference, tolerance)


def _from_folder(path: pathlib.Path) -> bytes:
    return (path / PROBES_IN_FOLDER).read_bytes()


def _from_zip(path: pathlib.Path) -> bytes:
    with zipfile.ZipFile(path) as file:
        return file.read(PROBES_IN_ZIP)


def _read_probes(path: pathlib.Path, read: Callable[[pathlib.Path], bytes]) -> tuple[Probes, float]:
    try:
        return probing.from_bytes(read(path))
    except FileNotFoundError as error:
        if not path.exists():
            raise
        raise ValueError(f"{path} is no export of tfqd: it has no {error.filename}") from error
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no export of tfqd, or damaged: {error}") from error


def _difference(expected: np.ndarray, answer: np.ndarray) -> float:
    expected, answer = probing.thinned(expected), probing.thinned(answer)
    if expected.shape != answer.shape:
        return float("inf")
    apart = np.abs(answer.astype(np.float64) - expected).max(initial=0.0)
    largest = np.abs(expected.astype(np.float64)).max(initial=0.0)
    return float(apart / largest) if largest else float(apart)


def _newest_version(path: pathlib.Path) -> pathlib.Path:
    if (path / "saved_model.pb").exists():
        return path
    versions = [int(folder.name) for folder in path.iterdir() if folder.name.isdecimal()]
    if not versions:
        raise ValueError(f"{path} holds no SavedModel and no numbered versions of one")
    return path / str(max(versions))
