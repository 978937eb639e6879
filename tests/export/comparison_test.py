"""Answers of floats may be off by the tolerance, those of integers typically so."""

import numpy as np
import pytest

from tfqd.compressed import Probes
from tfqd.export import VerificationError
from tfqd.export.comparison import hold_against

EXPECTED = np.tile(np.linspace(0, 1, 8, dtype=np.float32), (16, 1))


def held(difference, span, by_answers=False, expected=EXPECTED):
    """How answers that are so far from the model's are taken, at a tolerance of 0.1."""
    probes = Probes({"x": np.zeros((16, 1), np.float32)}, {"y": expected})
    spans = None if span is None else {"y": span}
    answers = {"y": expected + difference}
    return hold_against(probes, "tflite", 0.1, lambda _: answers, spans, by_answers)


def one(value):
    difference = np.zeros_like(EXPECTED)
    difference[3, 5] = value
    return difference


def test_a_single_answer_of_integers_may_tip():
    assert held(one(0.6), span=1.0).largest_difference == pytest.approx(0.6, rel=1e-5)
    assert held(one(1.2), span=2.0).largest_difference == pytest.approx(0.6, rel=1e-5)


@pytest.mark.parametrize(
    ("difference", "span", "message"),
    [
        (one(0.81), 1.0, r"is 0\.81 of the range of its integers, the root mean square 0\.07"),
        (0.11, 1.0, r"0\.11 of the range of its integers, the root mean square 0\.11, the tol"),
        (0.22, 2.0, r"0\.11 of the range"),
        (one(0.11), None, r"the largest difference is 0\.11 of the largest output, the tolerance"),
        (one(np.nan), 1.0, "is nan of the range"),
        (one(np.nan), None, "is nan of the largest output"),
    ],
)
def test_more_is_refused(difference, span, message):
    with pytest.raises(VerificationError, match=message):
        held(difference, span)


DEVIATION = EXPECTED.std()


@pytest.mark.parametrize(("span", "allowed"), [(2.0, 0.2), (5.0, DEVIATION), (100.0, 0.5)])
def test_the_mean_is_relative_to_the_spread_of_answers_on_request(span, allowed):
    held(0.99 * allowed, span, by_answers=True)
    unit = "" if span == 2 else " of ten standard deviations"
    with pytest.raises(VerificationError, match=rf"root mean square 0\.101{unit}, the tolerance"):
        held(1.01 * allowed, span, by_answers=True)


def test_few_answers_show_no_spread():
    held(0.9, 10.0, by_answers=True, expected=EXPECTED[0])
