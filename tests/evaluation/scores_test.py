"""Scores are those of plain loops over the examples."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfqd.evaluation import scores

CASES = st.integers(0, 2**32 - 1).map(lambda seed: case(np.random.default_rng(seed)))


def case(generator):
    """log probabilities of a model and of a reference, and labels."""
    examples, classes = int(generator.integers(1, 40)), int(generator.integers(2, 6))
    logits = generator.normal(0, 3, (2, examples, classes))
    log_probabilities = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return *log_probabilities, generator.integers(0, classes, examples)


@given(CASES)
def test_calibration_error_is_the_mean_gap_of_the_bins(drawn):
    ours, _, labels = drawn
    bins = [[] for _ in range(15)]
    for row, label in zip(np.exp(ours), labels, strict=True):
        place = next(i for i in range(15) if row.max() <= (i + 1) / 15 or i == 14)
        bins[place].append((row.argmax() == label, row.max()))
    expected = sum(
        len(each) / len(labels) * abs(np.mean([r for r, _ in each]) - np.mean([c for _, c in each]))
        for each in bins
        if each
    )
    assert scores.calibration_error(ours, labels) == pytest.approx(expected, abs=1e-12)


@given(CASES)
def test_shares_count_examples(drawn):
    ours, theirs, labels = drawn
    triples = list(zip(ours.argmax(-1), theirs.argmax(-1), labels, strict=True))
    share = {
        "right": sum(o == y for o, _, y in triples),
        "same": sum(o == t for o, t, _ in triples),
        "lost": sum(o != y and t == y for o, t, y in triples),
    }
    assert scores.accuracy(ours, labels) == pytest.approx(share["right"] / len(labels))
    assert scores.agreement(ours, theirs) == pytest.approx(share["same"] / len(labels))
    assert scores.lost(ours, theirs, labels) == pytest.approx(share["lost"] / len(labels))
    gained = scores.lost(theirs, ours, labels)
    moved = scores.accuracy(ours, labels) - scores.accuracy(theirs, labels)
    assert gained - scores.lost(ours, theirs, labels) == pytest.approx(moved)


@given(CASES)
def test_classes_make_up_the_accuracy(drawn):
    ours, _, labels = drawn
    by_class = scores.accuracy_by_class(ours, labels)
    assert by_class.keys() == set(labels.tolist())
    total = sum(share * np.sum(labels == each) for each, share in by_class.items())
    assert total / len(labels) == pytest.approx(scores.accuracy(ours, labels))


def test_worked_values():
    log_probabilities = np.log([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    labels = np.array([0, 1, 1])
    assert scores.accuracy(log_probabilities, labels) == pytest.approx(2 / 3)
    likelihood = -(math.log(0.9) + math.log(0.4) + math.log(0.8)) / 3
    assert scores.negative_log_likelihood(log_probabilities, labels) == pytest.approx(likelihood)
    # Each is alone in its bin: |1 - .9|, |0 - .6| and |1 - .8|.
    assert scores.calibration_error(log_probabilities, labels) == pytest.approx(0.3)
    assert scores.root_mean_squared_error(np.array([[1.0], [3.0]]), np.array([2.0, 5.0])) == (
        pytest.approx(math.sqrt(2.5))
    )
