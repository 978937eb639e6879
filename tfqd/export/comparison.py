"""An exported file's answers held against those of the model that it was made from."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfqd.compressed import Probes
from tfqd.export import probes as probing

# How many times as far as typical answers of integers a single one may be off: where an answer lies
# between two classes, one integer that was rounded otherwise tips it.
_SINGLE = 8
# Standard deviations of answers that are a unit of their root mean square: at the usual tolerance
# of 0.1 it may be one, which answers of other weights exceed.
_DEVIATIONS = 10
# The least share of the range of an output's integers that is a unit: sums that lie in the middle
# between two integers may all be rounded otherwise.
_NARROWEST = 0.05
# Fewer answers do not show how far they are spread.
_FEWEST = 16

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
    tolerance: how large it may be; of an output of integers, how large the root mean square
        over the probes may be, and an eighth of the largest difference. Of a model that rounds
        to trained ranges that mean is relative to ten standard deviations of its answers,
        where that is less.
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
    by_answers: bool = False,
) -> Verification:
    """Runs a file on probes.

    Args:
        probes: the inputs, and the model's answers, which may be thinned.
        kind: what the file is, for the result and the error.
        tolerance: the difference to let pass; see `Verification`.
        run: inputs by name -> outputs by name.
        spans: of outputs by name, what a difference is relative to; None, or for others,
            the largest absolute value.
        by_answers: whether the root mean square of outputs with a span is relative to ten
            standard deviations of the model's answers, from a twentieth of the span on. Softmax
            has a span of 1, of which answers for many classes take little.

    Raises:
        VerificationError: when the answers differ by more, or the probes have none.
    """
    if not any(array.size for array in probes.outputs.values()):
        raise VerificationError(f"the probes of the {kind} file have no answers to compare")
    outputs = run({name: tf.constant(array) for name, array in probes.inputs.items()})
    answers = {name: probing.answer_of(output) for name, output in outputs.items()}
    if answers.keys() != probes.outputs.keys():
        raise VerificationError(
            f"the {kind} file answers {sorted(answers)}; the model {sorted(probes.outputs)}"
        )
    spans = spans or {}
    differences = {
        name: _difference(probes.outputs[name], answers[name], spans.get(name), by_answers)
        for name in answers
    }
    # A NaN is farthest.
    name = max(
        answers, key=lambda name: (math.isnan(differences[name].held), differences[name].held)
    )
    found = differences[name]
    if not found.held <= tolerance:
        raise VerificationError(
            f"the {kind} file and the model disagree on the probes: the largest difference is "
            f"{found}, the tolerance {tolerance:.3g}"
        )
    return Verification(kind, found.largest, tolerance)


class _Difference(NamedTuple):
    """How far answers are apart.

    largest: of all values, relative to the largest one, or to the span of integers.
    typical: of integers the root mean square; None of others.
    of_answers: whether that is relative to the spread of answers.
    """

    largest: float
    typical: float | None = None
    of_answers: bool = False

    @property
    def held(self) -> float:
        """What is held to the tolerance."""
        return self.largest if self.typical is None else max(self.typical, self.largest / _SINGLE)

    def __str__(self) -> str:
        if self.typical is None:
            return f"{self.largest:.3g} of the largest output"
        unit = " of ten standard deviations" if self.of_answers else ""
        return (
            f"{self.largest:.3g} of the range of its integers, the root mean square "
            f"{self.typical:.3g}{unit}"
        )


def _difference(
    expected: np.ndarray, answer: np.ndarray, span: float | None, by_answers: bool
) -> _Difference:
    expected, answer = probing.thinned(expected), probing.thinned(answer)
    if expected.shape != answer.shape:
        return _Difference(math.inf)
    if expected.dtype.kind == "O":  # strings, which are the same or not
        return _Difference(0.0 if np.array_equal(expected, answer) else math.inf)
    unit = span or float(np.abs(expected.astype(np.float64)).max(initial=0.0)) or 1.0
    relative = np.abs(answer.astype(np.float64) - expected) / unit
    largest = float(relative.max(initial=0.0))
    if not span or not relative.size:
        return _Difference(largest)
    typical = float(np.sqrt(np.mean(np.square(relative))))
    taken = _share_taken(expected, span) if by_answers else 1.0
    return _Difference(largest, typical / taken, taken < 1)


def _share_taken(expected: np.ndarray, span: float) -> float:
    """The unit of answers relative to the range of their integers, 1 where few are known."""
    if expected.size < _FEWEST:
        return 1.0
    return min(1.0, max(_NARROWEST, _DEVIATIONS * float(expected.std()) / span))
