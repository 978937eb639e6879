"""What answers are worth."""

from collections.abc import Mapping

import numpy as np

from tfqd.evaluation import scores
from tfqd.evaluation.task import Task, task_of


class Scorer:
    """Scores answers to clean inputs, and to corrupted ones.

    Args:
        labels: the right ones, [examples, ...]. What they are where nothing counts does
            not matter.
        reference: what the reference answers to the clean inputs.
        weights: how much each example, or step, counts; None where all count alike.
        gives_logits: whether the reference answers with logits; None where its answers
            are to tell.

    Raises:
        ValueError: when they do not fit together, or nothing counts.
    """

    def __init__(
        self,
        labels: np.ndarray,
        reference: np.ndarray,
        weights: np.ndarray | None,
        gives_logits: bool | None,
    ):
        self._counted = None if weights is None else _counted(weights, labels)
        labels, reference = self._counting(labels), self._counting(reference)
        self.task = task_of(reference, labels, gives_logits)
        self._labels, self._groups = self.task.labels(labels), self.task.groups(labels)
        weighed = None if weights is None else weights[self._counted]
        self._weights = self.task.weights(weighed, reference)
        self._reference = reference
        if self.task.classifies:
            self._theirs = self.task.log_probabilities(reference)
            self._before = self._by_class(self._theirs)

    def task_of(self, answers: np.ndarray, gives_logits: bool | None) -> Task:
        """The task as a model with these answers has it."""
        return self.task.of(self._counting(answers), gives_logits)

    def scores(self, answers: np.ndarray, task: Task) -> tuple[dict[str, float], dict[int, float]]:
        """The scores of a model by `Measure.key`, and the share of each class that is right.

        Args:
            answers: to the clean inputs.
            task: of `task_of`.
        """
        answers, labels, weights = self._counting(answers), self._labels, self._weights
        if not task.classifies:
            error = scores.root_mean_squared_error(answers, labels, weights)
            apart = scores.root_mean_squared_error(answers, self._reference.reshape(-1), weights)
            return {"error": error, "difference": apart}, {}
        ours, theirs = task.log_probabilities(answers), self._theirs
        shares = self._by_class(ours)
        ratios = list(retained(shares, self._before).values())
        return {
            "accuracy": scores.accuracy(ours, labels, weights),
            "retained": float(np.mean(ratios)) if ratios else 0.0,
            "worst_retained": min(ratios, default=0.0),
            "calibration_error": scores.calibration_error(ours, labels, weights),
            "negative_log_likelihood": scores.negative_log_likelihood(ours, labels, weights),
            "agreement": scores.agreement(ours, theirs, weights),
            "lost": scores.lost(ours, theirs, labels, weights),
            "gained": scores.lost(theirs, ours, labels, weights),
        }, shares

    def score(self, answers: np.ndarray, task: Task) -> float:
        """The accuracy of answers, as to corrupted inputs, or their RMS error."""
        answers = self._counting(answers)
        if not task.classifies:
            return scores.root_mean_squared_error(answers, self._labels, self._weights)
        return scores.accuracy(task.log_probabilities(answers), self._labels, self._weights)

    def _by_class(self, log_probabilities: np.ndarray) -> dict[int, float]:
        return scores.accuracy_by_group(
            log_probabilities, self._labels, self._weights, self._groups
        )

    def _counting(self, array: np.ndarray) -> np.ndarray:
        return array if self._counted is None else array[self._counted]


def retained(shares: Mapping[int, float], before: Mapping[int, float]) -> dict[int, float]:
    """Class -> its accuracy over the reference's; without classes of which that has none right."""
    return {each: share / before[each] for each, share in shares.items() if before[each]}


def _counted(weights: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which examples, or steps, count at all."""
    counted = weights > 0
    if not counted.any():
        raise ValueError("nothing counts: all examples are masked, or of weight 0")
    if labels.shape[: counted.ndim] != counted.shape:
        raise ValueError(
            "sample weights, and masks, must be one an example or one a label; got weights of "
            f"shape {counted.shape}, labels of shape {labels.shape}"
        )
    return counted
