"""Scores of answers, as functions of arrays.

`log_probabilities` are float64 [decisions, classes], `labels` int64 [decisions], `weights`
float64 [decisions], how much each counts.
"""

import numpy as np


def decided(log_probabilities: np.ndarray) -> np.ndarray:
    """The most probable class of each decision: int64 [decisions]."""
    return log_probabilities.argmax(-1)


def accuracy(log_probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """The share of decisions whose most probable class is the right one."""
    return float(np.average(decided(log_probabilities) == labels, weights=weights))


def accuracy_by_group(
    log_probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray, groups: np.ndarray
) -> dict[int, float]:
    """The share that is right in each group of which something counts.

    Args:
        groups: int64 [decisions]; the labels, for the accuracy of each class.
    """
    total = np.bincount(groups, weights)
    right = np.bincount(groups, weights * (decided(log_probabilities) == labels))
    return {int(each): float(right[each] / total[each]) for each in np.flatnonzero(total)}


def negative_log_likelihood(
    log_probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> float:
    """The mean of -log p of the right class, in nats."""
    right = np.take_along_axis(log_probabilities, labels[:, None], -1)[:, 0]
    return float(-np.average(right, weights=weights))


def calibration_error(
    log_probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray, bins: int = 15
) -> float:
    """The expected calibration error: how far confidence is from accuracy.

    The mean over bins of equal width, by their shares of the decisions, of
    |accuracy - mean confidence|; the confidence of an answer is its largest
    probability (Guo et al. 2017, "On Calibration of Modern Neural Networks",
    Eq. 3, arXiv 1706.04599).
    """
    confidence = np.exp(log_probabilities.max(-1))
    right = decided(log_probabilities) == labels
    # A bin holds its upper end: (0, 1/bins], ...
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(places, weights * (right - confidence), minlength=bins)
    return float(np.abs(gaps).sum() / weights.sum())


def agreement(log_probabilities: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> float:
    """The share of decisions that are as the reference's."""
    return float(np.average(decided(log_probabilities) == decided(reference), weights=weights))


def lost(
    log_probabilities: np.ndarray, reference: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> float:
    """The share of decisions that the reference has right and these answers wrong."""
    wrong = decided(log_probabilities) != labels
    return float(np.average(wrong & (decided(reference) == labels), weights=weights))


def root_mean_squared_error(answers: np.ndarray, numbers: np.ndarray, weights: np.ndarray) -> float:
    """The root of the mean squared difference of two arrays of one size."""
    difference = np.asarray(answers, np.float64).reshape(-1) - np.reshape(numbers, -1)
    return float(np.sqrt(np.average(np.square(difference), weights=weights)))
