"""Scores are those of plain loops over the examples."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfqd.evaluation import scores

CASES = st.integers(0, 2**32 - 1).map(lambda seed: case(np.random.default_rng(seed)))


def case(generator):
    """log probabilities of a model and of a reference, labels and weights."""
    examples, classes = int(generator.integers(1, 40)), int(generator.integers(2, 6))
    logits = generator.normal(0, 3, (2, examples, classes))
    log_probabilities = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    weights = generator.integers(0, 4, examples).astype(float)
    weights[0] += not weights.any()
    return *log_probabilities, generator.integers(0, classes, examples), weights


@given(CASES)
def test_calibration_error_is_the_mean_gap_of_the_bins(drawn):
    ours, _, labels, weights = drawn
    bins = [[] for _ in range(15)]
    for row, label, weight in zip(np.exp(ours), labels, weights, strict=True):
        place = next(i for i in range(15) if row.max() <= (i + 1) / 15 or i == 14)
        bins[place] += int(weight) * [(row.argmax() == label, row.max())]
    expected = sum(
        len(each)
        / weights.sum()
        * abs(np.mean([r for r, _ in each]) - np.mean([c for _, c in each]))
        for each in bins
        if each
    )
    assert scores.calibration_error(ours, labels, weights) == pytest.approx(expected, abs=1e-12)


@given(CASES)
def test_shares_count_examples_as_often_as_they_weigh(drawn):
    ours, theirs, labels, weights = drawn
    of_each = [each.repeat(weights.astype(int)) for each in (ours.argmax(-1), theirs.argmax(-1))]
    triples = list(zip(*of_each, labels.repeat(weights.astype(int)), strict=True))
    share = {
        "right": sum(o == y for o, _, y in triples),
        "same": sum(o == t for o, t, _ in triples),
        "lost": sum(o != y and t == y for o, t, y in triples),
    }
    count = len(triples)
    assert scores.accuracy(ours, labels, weights) == pytest.approx(share["right"] / count)
    assert scores.agreement(ours, theirs, weights) == pytest.approx(share["same"] / count)
    lost = scores.lost(ours, theirs, labels, weights)
    assert lost == pytest.approx(share["lost"] / count)
    gained = scores.lost(theirs, ours, labels, weights)
    moved = scores.accuracy(ours, labels, weights) - scores.accuracy(theirs, labels, weights)
    assert gained - lost == pytest.approx(moved)


@given(CASES)
def test_classes_make_up_the_accuracy(drawn):
    ours, _, labels, weights = drawn
    by_class = scores.accuracy_by_group(ours, labels, weights, groups=labels)
    assert by_class.keys() == set(labels[weights > 0].tolist())
    total = sum(share * weights[labels == each].sum() for each, share in by_class.items())
    assert total / weights.sum() == pytest.approx(scores.accuracy(ours, labels, weights))


def test_worked_values():
    log_probabilities = np.log([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    labels, weights = np.array([0, 1, 1]), np.ones(3)
    assert scores.accuracy(log_probabilities, labels, weights) == pytest.approx(2 / 3)
    likelihood = -(math.log(0.9) + math.log(0.4) + math.log(0.8)) / 3
    assert scores.negative_log_likelihood(log_probabilities, labels, weights) == pytest.approx(
        likelihood
    )
    # Each is alone in its bin: |1 - .9|, |0 - .6| and |1 - .8|.
    assert scores.calibration_error(log_probabilities, labels, weights) == pytest.approx(0.3)
    assert scores.root_mean_squared_error(
        np.array([[1.0], [3.0]]), np.array([2.0, 5.0]), np.ones(2)
    ) == (pytest.approx(math.sqrt(2.5)))
