"""The radar draws what models have lost, down to nothing."""

import pytest

from tfqd.charts.evaluations import radar
from tfqd.evaluation import Evaluation


def evaluation(**values):
    """Of models a and b, by the key of a measure."""
    both = [{key: pair[i] for key, pair in values.items()} for i in range(2)]
    return Evaluation("a", dict(zip("ab", both, strict=True)), {}, {}, {}, {}, 10)


def spokes(**values):
    """Title of a measure -> the shares of a and b."""
    drawn = radar(evaluation(**values))
    shares = zip(*(ring.values for ring in drawn.rings), strict=True)
    return dict(zip(drawn.spokes, shares, strict=True))


def test_shares_are_of_the_best():
    found = spokes(accuracy=(0.9, 0.6), calibration_error=(0.1, 0.4), tflite_bytes=(100, 25))
    assert found["accuracy"] == pytest.approx((1, 2 / 3))
    assert found["calibration error"] == pytest.approx((1, 0.25))
    assert found["TFLite"] == pytest.approx((0.25, 1))


def test_nothing_is_drawn_as_nothing_and_lost_as_what_was_not():
    found = spokes(
        accuracy=(0.9, 0.6), worst_retained=(1.0, 0.0), lost=(0.0, 0.3), gained=(0.0, 0.1)
    )
    assert found["worst class"] == (1, 0)
    assert found["lost"] == pytest.approx((1, 0.7))
    assert "gained" not in found  # the reference has none by definition
    numbers = spokes(error=(1.0, 2.0), difference=(0.0, 0.1), tflite_bytes=(9, 3), latency=(1, 2))
    assert "to reference" not in numbers
