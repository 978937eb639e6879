"""What answers are worth."""

import numpy as np

from tfqd.evaluation import scores
from tfqd.evaluation.task import Task


class Scorer:
    """Scores answers to clean inputs, and to corrupted ones.

    Args:
        task: what they are.
        labels: the right ones, of `Task.labels`.
        reference: what the reference answers to the clean inputs.
    """

    def __init__(self, task: Task, labels: np.ndarray, reference: np.ndarray):
        self._task, self._labels, self._reference = task, labels, reference
        self._theirs = task.log_probabilities(reference) if task.classifies else None

    def values(self, answers: np.ndarray) -> dict[str, float]:
        """By the key of a `Measure`."""
        theirs, labels = self._theirs, self._labels
        if theirs is None:
            return {
                "error": self.score(answers),
                "difference": scores.root_mean_squared_error(answers, self._reference),
            }
        ours = self._task.log_probabilities(answers)
        before = scores.accuracy_by_class(theirs, labels)
        shares = scores.accuracy_by_class(ours, labels)
        ratios = [share / before[each] for each, share in shares.items() if before[each]]
        return {
            "accuracy": scores.accuracy(ours, labels),
            "retained": float(np.mean(ratios)) if ratios else 0.0,
            "worst_retained": min(ratios, default=0.0),
            "calibration_error": scores.calibration_error(ours, labels),
            "negative_log_likelihood": scores.negative_log_likelihood(ours, labels),
            "agreement": scores.agreement(ours, theirs),
            "lost": scores.lost(ours, theirs, labels),
            "gained": scores.lost(theirs, ours, labels),
        }

    def by_class(self, answers: np.ndarray) -> dict[int, float]:
        """Class -> the share of its examples that are right; empty for a regression."""
        if not self._task.classifies:
            return {}
        return scores.accuracy_by_class(self._task.log_probabilities(answers), self._labels)

    def score(self, answers: np.ndarray) -> float:
        """The accuracy, or the RMS error."""
        if self._task.classifies:
            return scores.accuracy(self._task.log_probabilities(answers), self._labels)
        return scores.root_mean_squared_error(answers, self._labels)
