"""An exported file's answers held against those of the model that it was made from."""

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from tfqd.compressed import Probes
from tfqd.export import probes as probing

Runner = Callable[[Mapping[str, np.ndarray]], Mapping[str, tf.Tensor]]


class VerificationError(ValueError):
    """A file does not answer as the model does that it was made from."""


@dataclasses.dataclass(frozen=True)
class Verification:
    """What came of running a file on its probes.

    kind: ``"saved_model"``, ``"keras"``, ``"tflite"``, ``"tfqd"`` or ``"safetensors"``.
    largest_difference: of any output value, relative to the largest absolute
        value of its output, of an output of integers to the range that they span; of a
        file of weights alone, of any weight.
    tolerance: how large it may be.
    """

    kind: str
    largest_difference: float
    tolerance: float


def hold_against(
    probes: Probes,
    kind: str,
    tolerance: float,
    run: Runner,
    spans: Mapping[str, float] | None = None,
) -> Verification:
    """Runs a file on probes.

    Args:
        probes: the inputs, and the model's answers, which may be thinned.
        kind: what the file is, for the result and the error.
        tolerance: the largest difference to let pass.
        run: inputs by name -> outputs by name.
        spans: of outputs by name, what a difference is relative to; None, or for others,
            the largest absolute value.

    Raises:
        VerificationError: when the answers differ by more.
    """
    outputs = run({name: tf.constant(array) for name, array in probes.inputs.items()})
    answers = {name: probing.as_float32(output) for name, output in outputs.items()}
    if answers.keys() != probes.outputs.keys():
        raise VerificationError(
            f"the {kind} file answers {sorted(answers)}; the model {sorted(probes.outputs)}"
        )
    spans = spans or {}
    differences = {
        name: _difference(probes.outputs[name], answers[name], spans.get(name)) for name in answers
    }
    name = max(answers, key=lambda name: (math.isnan(differences[name]), differences[name]))
    difference = differences[name]
    if not difference <= tolerance:
        unit = "the range of its integers" if name in spans else "the largest output"
        raise VerificationError(
            f"the {kind} file and the model disagree on the probes: the largest difference is "
            f"{difference:.3g} of {unit}, the tolerance {tolerance:.3g}"
        )
    return Verification(kind, difference, tolerance)


def _difference(expected: np.ndarray, answer: np.ndarray, span: float | None) -> float:
    expected, answer = probing.thinned(expected), probing.thinned(answer)
    if expected.shape != answer.shape:
        return float("inf")
    if expected.dtype.kind == "O":  # strings, which are the same or not
        return 0.0 if np.array_equal(expected, answer) else float("inf")
    apart = np.abs(answer.astype(np.float64) - expected).max(initial=0.0)
    largest = span or np.abs(expected.astype(np.float64)).max(initial=0.0)
    return float(apart / largest) if largest else float(apart)
