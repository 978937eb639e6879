"""Scores of answers, as functions of arrays.

`log_probabilities` are float64 [examples, classes], `labels` int64 [examples].
"""

import numpy as np


def decided(log_probabilities: np.ndarray) -> np.ndarray:
    """The most probable class of each example: int64 [examples]."""
    return log_probabilities.argmax(-1)


def accuracy(log_probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The share of examples whose most probable class is the right one."""
    return float(np.mean(decided(log_probabilities) == labels))


def accuracy_by_class(log_probabilities: np.ndarray, labels: np.ndarray) -> dict[int, float]:
    """Of each class that occurs in `labels`, the share of its examples that are right."""
    right = decided(log_probabilities) == labels
    return {int(each): float(np.mean(right[labels == each])) for each in np.unique(labels)}


def negative_log_likelihood(log_probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The mean of -log p of the right class, in nats."""
    return float(-np.mean(np.take_along_axis(log_probabilities, labels[:, None], -1)))


def calibration_error(log_probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """The expected calibration error: how far confidence is from accuracy.

    The mean over bins of equal width, by their shares of the examples, of
    |accuracy - mean confidence|; the confidence of an answer is its largest
    probability (Guo et al. 2017, "On Calibration of Modern Neural Networks",
    Eq. 3, arXiv 1706.04599).
    """
    confidence = np.exp(log_probabilities.max(-1))
    right = decided(log_probabilities) == labels
    # A bin holds its upper end: (0, 1/bins], ...
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(places, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def agreement(log_probabilities: np.ndarray, reference: np.ndarray) -> float:
    """The share of examples that are put into the class that the reference puts them into."""
    return float(np.mean(decided(log_probabilities) == decided(reference)))


def lost(log_probabilities: np.ndarray, reference: np.ndarray, labels: np.ndarray) -> float:
    """The share of examples that the reference has right and these answers wrong."""
    wrong = decided(log_probabilities) != labels
    return float(np.mean(wrong & (decided(reference) == labels)))


def root_mean_squared_error(answers: np.ndarray, numbers: np.ndarray) -> float:
    """The root of the mean squared difference of two arrays of one size."""
    difference = np.asarray(answers, np.float64).reshape(-1) - np.reshape(numbers, -1)
    return float(np.sqrt(np.mean(np.square(difference))))
