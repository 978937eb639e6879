"""What a model is for, told by its answers and the labels."""

import math
from typing import Any, NamedTuple

import numpy as np


class Task(NamedTuple):
    """What a model's answers are.

    kind: ``"classes"``, labels are numbers of classes; ``"one_hot"``; ``"binary"``, one
        unit says yes or no; ``"several"``, each unit says yes or no; or ``"numbers"``, a
        regression.
    from_logits: whether answers are no probabilities; logits, of a classifier.
    """

    kind: str
    from_logits: bool

    @property
    def classifies(self) -> bool:
        """Whether answers are of classes."""
        return self.kind != "numbers"

    def of(self, answers: np.ndarray, from_logits: bool | None) -> "Task":
        """The task of another model for the same, which may answer with logits or not.

        Args:
            answers: what it answers.
            from_logits: as what gives its output says; None where that is not known.
        """
        if not self.classifies:
            return self
        if from_logits is None:
            from_logits = not self._has_shares(answers)
        return self._replace(from_logits=from_logits)

    def _has_shares(self, answers: np.ndarray) -> bool:
        """Whether another model's answers look like probabilities, beside the reference's."""
        if not are_shares(answers):
            return False
        if self.kind in ("binary", "several"):
            # One answer to everything tells nothing.
            return not self.from_logits or bool(answers.max() > answers.min())
        sums = np.asarray(answers, np.float64).sum(-1)
        if not self.from_logits:
            return bool(sums.all())
        # Logits, too, may all lie between 0 and 1, and those of 8 bits sum to nearly 1.
        return bool((np.abs(sums - 1) <= max(1e-3, answers.shape[-1] / 512)).all())

    def labels(self, labels: Any) -> np.ndarray:
        """The right classes int64 [decisions], or the right numbers float64 [decisions].

        Args:
            labels: as they were given to `task_of`; leading axes count as examples, and of
                several labels at once each is a decision.
        """
        labels = np.asarray(labels)
        if self.kind == "one_hot":
            labels = labels.argmax(-1)
        return labels.reshape(-1).astype(np.int64 if self.classifies else np.float64)

    def groups(self, labels: Any) -> np.ndarray:
        """What accuracy is told apart by, int64 [decisions]: the right class, or the unit."""
        if self.kind == "several":
            labels = np.broadcast_to(np.arange(np.shape(labels)[-1]), np.shape(labels))
            return labels.reshape(-1)
        return self.labels(labels)

    def weights(self, weights: np.ndarray | None, answers: np.ndarray) -> np.ndarray:
        """What each decision counts, float64 [decisions].

        Args:
            weights: of examples, or of their leading axes; None where all count alike.
            answers: what a model answers, [examples, ..., units].
        """
        each = self.kind in ("several", "numbers")
        shape = answers.shape if each else answers.shape[:-1]
        if weights is None:
            return np.ones(math.prod(shape))
        weights = np.asarray(weights, np.float64)
        weights = weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))
        return np.broadcast_to(weights, shape).reshape(-1)

    def log_probabilities(self, answers: np.ndarray) -> np.ndarray:
        """log p of each class: float64 [decisions, classes].

        Args:
            answers: what a classifier answers, [..., classes]; for two classes, and for
                several labels at once, [..., units].
        """
        answers = np.asarray(answers, np.float64)
        yes_or_no = self.kind in ("binary", "several")
        answers = answers.reshape(-1, 1 if yes_or_no else answers.shape[-1])
        if self.from_logits:
            if yes_or_no:
                answers = np.concatenate([np.zeros_like(answers), answers], -1)
            highest = answers.max(-1, keepdims=True)
            return answers - highest - np.log(np.exp(answers - highest).sum(-1, keepdims=True))
        if yes_or_no:
            answers = np.concatenate([1 - answers, answers], -1)
        least = np.finfo(np.float32).tiny
        shares = answers / np.maximum(answers.sum(-1, keepdims=True), least)
        return np.log(np.maximum(shares, least))


def task_of(answers: Any, labels: Any, from_logits: bool | None = None) -> Task:
    """What a model is for.

    Args:
        answers: what it answers to some examples, [examples, ..., units].
        labels: of these examples, and perhaps of more.
        from_logits: whether answers are logits, as what gives the model's output says; None
            where that is not known: then those that all lie between 0 and 1 are probabilities.

    Raises:
        ValueError: when labels and answers do not fit together.
    """
    check_answers(answers)
    labels, units = np.asarray(labels), answers.shape[-1]
    shape = (len(labels), *answers.shape[1:])
    numeric = labels.dtype.kind in "iubf"
    numbers = labels.size == math.prod(shape) and numeric
    if from_logits is None:
        # Of several classes none is as sure as all of them together.
        from_logits = not are_shares(answers) or (units > 1 and not answers.sum(-1).all())
    yes_or_no = numbers and np.isin(labels, (0, 1)).all()
    if units == 1:
        if yes_or_no:
            return Task("binary", from_logits)
    else:
        whole = labels.dtype.kind in "iub" or (numeric and (labels == np.floor(labels)).all())
        if whole and labels.size == math.prod(shape[:-1]):
            if labels.min() < 0 or labels.max() >= units:
                raise ValueError(
                    f"labels must be classes from 0 to {units - 1}, as the model has {units} "
                    f"outputs; got {labels.min():g} to {labels.max():g}"
                )
            return Task("classes", from_logits)
        if yes_or_no and labels.shape == shape:
            alone = (labels.sum(-1) == 1).all()
            return Task("one_hot" if alone else "several", from_logits)
    if numbers:
        return Task("numbers", from_logits)
    raise ValueError(
        f"labels of shape {labels.shape} and type {labels.dtype} do not fit answers of shape "
        f"{shape}: they must be classes, one-hot rows or numbers"
    )


def check_answers(answers: Any) -> None:
    """Raises ValueError unless a model answers with one array [examples, ..., units]."""
    if not isinstance(answers, np.ndarray) or answers.ndim < 2:
        got = answers.shape if isinstance(answers, np.ndarray) else type(answers).__name__
        raise ValueError(f"the model must have one output [examples, ..., units]; got {got}")


def are_shares(answers: np.ndarray) -> bool:
    """Whether all lie between 0 and 1; a softmax of few bits may be a little above."""
    return bool(answers.min() >= 0 and answers.max() <= 1 + 1e-3)
