"""Answers that are one teacher's, and those that are two teachers'."""

import numpy as np
import pytest

from tfqd.distillation.known_teacher import are_alike

ANSWERS = np.array([[0.5, -8.0, 2.0], [4.0, 0.0, 1.0]], np.float32)
MASKED = np.where(ANSWERS == 4, -np.inf, ANSWERS)


@pytest.mark.parametrize(
    ("answers", "expected", "alike"),
    [
        (ANSWERS, ANSWERS, True),
        (ANSWERS + 0.1, ANSWERS, True),
        (ANSWERS * 1.05, ANSWERS, False),
        (ANSWERS[:1], ANSWERS, False),
        (MASKED + 0.1, MASKED, True),
        (ANSWERS, MASKED, False),
        (MASKED * np.nan, MASKED * np.nan, True),
        (ANSWERS > 0, ANSWERS > 0, True),
    ],
)
def test_answers_are_alike_but_for_rounding(answers, expected, alike):
    assert are_alike([answers], [expected]) == alike
    assert not are_alike([answers, answers], [expected])
