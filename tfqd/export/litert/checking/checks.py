"""Running a TFLite file, three times over, against the model that it was made from.

The file's float form must answer as the model does: then its structure and its
integers are right. Each of its operators must read its integers as the file means
them, in each runtime. And the file itself must answer, in each runtime, as far
from the model as kernels that round activations explain.

A model that rounds activations itself, to trained ranges, answers what the file does, which
rounds at the same places. The float form rounds nowhere: it must answer as that model does while
what comes to its ranges goes through. Of that the file keeps nothing.
"""

import pathlib
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from tfqd.compressed import Probes
from tfqd.export.comparison import Verification, VerificationError, hold_against
from tfqd.export.litert.checking.io_spans import output_spans
from tfqd.export.litert.checking.kernels import TOLERANCE, largest_error
from tfqd.export.litert.checking.metadata import check_seal, read_facts, read_probes
from tfqd.export.litert.checking.runtimes import RuntimeRefusal, run, runtimes
from tfqd.export.litert.file.flatbuffer import File
from tfqd.export.litert.file.float_form import float_form
from tfqd.export.litert.file.layouts import faults
from tfqd.export.litert.file.sizes import size_faults
from tfqd.export.probes import thinned

_KEPT = 256


class ExpectedFloats(NamedTuple):
    """What the float form of a file must answer.

    probes: the inputs, and the model's answers.
    tolerance: how far the form's may be off, relative to the largest.
    """

    probes: Probes
    tolerance: float


def verify_tflite(path: pathlib.Path) -> Verification:
    """Runs a TFLite file on the probes that it carries; see `tfqd.export.verify`."""
    data = path.read_bytes()
    try:
        file = File(data)
        check_seal(data, file)
        facts = read_facts(file)
        for fault in size_faults(file, int(facts["largest"])):
            raise ValueError(fault)
        probes, tolerance = read_probes(file)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is no export of tfqd, or damaged: {error}") from error
    return check(data, probes, facts["exact"], tolerance)[0]


def check(
    data: bytes,
    probes: Probes,
    exact: float | None,
    tolerance: float,
    floats: ExpectedFloats | None = None,
    remedy: Callable[[], str] | None = None,
) -> tuple[Verification, float]:
    """Runs a TFLite file on probes, in every runtime that is installed.

    Args:
        data: the file.
        probes: what the model answers.
        exact: how far the answers of the file's float form may be off; None for a model that
            rounds as the file does.
        tolerance: how far the file's own answers may be off.
        floats: what the float form must answer; None for `probes`, or for nothing where `exact` is
            None. Weights that were left float are rounded to 8 bits beside integer
            activations, which adds up where many examples are looked at.
        remedy: says what to do about answers that are integers and off by more.

    Returns:
        How far they are, and how far the weights that its kernels use are from
        those in the file.

    Raises:
        VerificationError: a ValueError, when one of them is too far, or a runtime
            refuses the file.
        RuntimeRefusal: a ValueError, when no runtime is installed.
    """
    installed = runtimes()
    file = File(data)
    for fault in faults(file):
        raise VerificationError(f"no runtime is known to compute this right: {fault}")
    probes, rounds = few(probes), exact is None
    if floats is None and exact is not None:
        floats = ExpectedFloats(probes, exact)
    try:
        if floats is not None:
            in_floats = _runner(next(iter(installed)), float_form(data))
            asked = few(floats.probes)
            hold_against(asked, "float form of the tflite", floats.tolerance, in_floats)
        weight_error = max(_weight_error(data, runtime) for runtime in installed)
        answers = [
            _held(file, data, runtime, probes, tolerance, rounds, remedy) for runtime in installed
        ]
    except RuntimeRefusal as error:
        raise VerificationError(str(error)) from error
    return max(answers, key=lambda answer: answer.largest_difference), weight_error


def _held(
    file: File,
    data: bytes,
    runtime: str,
    probes: Probes,
    tolerance: float,
    rounds: bool,
    remedy: Callable[[], str] | None,
) -> Verification:
    """A file's own answers in a runtime, held against the model's."""
    spans = {name: span.high - span.low for name, span in output_spans(file).items()}
    try:
        return hold_against(probes, "tflite", tolerance, _runner(runtime, data), spans, rounds)
    except VerificationError as error:
        if remedy is None or not spans:
            raise
        raise VerificationError(f"{error}; {remedy()}") from error


def few(probes: Probes) -> Probes:
    """The probes with as few values of each output as a small file can afford."""
    return Probes(probes.inputs, _few(probes.outputs))


def _weight_error(data: bytes, runtime: str) -> float:
    error, name = largest_error(data, runtime)
    if not error <= TOLERANCE:
        raise VerificationError(
            f"{name} of {runtime} does not compute with the weights that the file holds: it is "
            f"{error:.3g} of its largest answer off, and {TOLERANCE:.0e} is allowed"
        )
    return error


def _runner(runtime: str, data: bytes):
    def answers(inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        arrays = {name: np.asarray(array) for name, array in inputs.items()}
        return _few(run(runtime, data, arrays))

    return answers


def _few(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: thinned(output, _KEPT) for name, output in outputs.items()}
