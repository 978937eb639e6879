"""What answers are worth."""

from collections.abc import Mapping

import numpy as np

from tfqd.evaluation import scores
from tfqd.evaluation.task import task_of


class Scorer:
    """Scores answers to clean inputs, and to corrupted ones.

    Args:
        labels: the right ones, [examples, ...].
        reference: what the reference answers to the clean inputs.
        weights: how much each example counts, [examples, ...]; None where all count alike.

    Raises:
        ValueError: when they do not fit together, or nothing counts.
    """

    def __init__(self, labels: np.ndarray, reference: np.ndarray, weights: np.ndarray | None):
        self.task = task_of(reference, labels)
        self._labels, self._groups = self.task.labels(labels), self.task.groups(labels)
        self._weights = self.task.weights(weights, reference)
        if not self._weights.any():
            raise ValueError("nothing counts: all examples are masked, or of weight 0")
        self._reference = reference
        self._theirs = self._log_probabilities(reference) if self.task.classifies else None

    def values(self, answers: np.ndarray) -> dict[str, float]:
        """Of a model, by the key of a `Measure`.

        Args:
            answers: to the clean inputs.
        """
        theirs, labels, weights = self._theirs, self._labels, self._weights
        if theirs is None:
            return {
                "error": scores.root_mean_squared_error(answers, labels, weights),
                "difference": scores.root_mean_squared_error(answers, self._reference, weights),
            }
        ours = self._log_probabilities(answers)
        ratios = list(retained(self.by_class(answers), self.by_class(self._reference)).values())
        return {
            "accuracy": scores.accuracy(ours, labels, weights),
            "retained": float(np.mean(ratios)) if ratios else 0.0,
            "worst_retained": min(ratios, default=0.0),
            "calibration_error": scores.calibration_error(ours, labels, weights),
            "negative_log_likelihood": scores.negative_log_likelihood(ours, labels, weights),
            "agreement": scores.agreement(ours, theirs, weights),
            "lost": scores.lost(ours, theirs, labels, weights),
            "gained": scores.lost(theirs, ours, labels, weights),
        }

    def by_class(self, answers: np.ndarray) -> dict[int, float]:
        """Class, or unit -> the share of it that is right; empty for a regression."""
        if not self.task.classifies:
            return {}
        ours = self._log_probabilities(answers)
        return scores.accuracy_by_group(ours, self._labels, self._weights, self._groups)

    def corrupted_score(self, worse: np.ndarray, answers: np.ndarray) -> float:
        """The accuracy on corrupted inputs, or the RMS error.

        Args:
            worse: what a model answers to them.
            answers: what it answers to the clean ones, which tell logits from probabilities.
        """
        if not self.task.classifies:
            return scores.root_mean_squared_error(worse, self._labels, self._weights)
        ours = self.task.of(answers).log_probabilities(worse)
        return scores.accuracy(ours, self._labels, self._weights)

    def _log_probabilities(self, answers: np.ndarray) -> np.ndarray:
        return self.task.of(answers).log_probabilities(answers)


def retained(shares: Mapping[int, float], before: Mapping[int, float]) -> dict[int, float]:
    """Class -> its accuracy over the reference's; without classes of which that has none right."""
    return {each: share / before[each] for each, share in shares.items() if before[each]}
