"""What a model is for, told by its answers and the labels."""

import math
from typing import Any, NamedTuple

import numpy as np

from tfqd.distillation.losses import looks_like_probabilities


class Task(NamedTuple):
    """What a model's answers are.

    kind: ``"classes"``, labels are numbers of classes; ``"one_hot"``; ``"binary"``, one
        unit says yes or no; or ``"numbers"``, a regression.
    from_logits: whether answers are no probabilities; logits, of a classifier.
    """

    kind: str
    from_logits: bool

    @property
    def classifies(self) -> bool:
        """Whether answers are of classes."""
        return self.kind != "numbers"

    def labels(self, labels: Any) -> np.ndarray:
        """The right classes int64 [examples], or the right numbers float64 [numbers].

        Args:
            labels: as they were given to `task_of`; leading axes count as examples.
        """
        labels = np.asarray(labels)
        if self.kind == "one_hot":
            labels = labels.argmax(-1)
        return labels.reshape(-1).astype(np.int64 if self.classifies else np.float64)

    def log_probabilities(self, answers: np.ndarray) -> np.ndarray:
        """log p of each class: float64 [examples, classes].

        Args:
            answers: what a classifier answers, [..., classes] or, for two classes, [..., 1].
        """
        answers = np.asarray(answers, np.float64).reshape(-1, answers.shape[-1])
        if self.from_logits:
            if self.kind == "binary":
                answers = np.concatenate([np.zeros_like(answers), answers], -1)
            highest = answers.max(-1, keepdims=True)
            return answers - highest - np.log(np.exp(answers - highest).sum(-1, keepdims=True))
        if self.kind == "binary":
            answers = np.concatenate([1 - answers, answers], -1)
        return np.log(np.maximum(answers, np.finfo(np.float32).tiny))


def task_of(answers: Any, labels: Any) -> Task:
    """What a model is for.

    Args:
        answers: what it answers to some examples, [examples, ..., units].
        labels: of these examples, and perhaps of more.

    Raises:
        ValueError: when labels and answers do not fit together.
    """
    check_answers(answers)
    labels, units = np.asarray(labels), answers.shape[-1]
    shape = (len(labels), *answers.shape[1:])
    numeric = labels.dtype.kind in "iubf"
    numbers = labels.size == math.prod(shape) and numeric
    if units == 1:
        from_logits = bool(answers.min() < 0 or answers.max() > 1)
        if numbers and np.isin(labels, (0, 1)).all():
            return Task("binary", from_logits)
    else:
        from_logits = not looks_like_probabilities(answers)
        whole = labels.dtype.kind in "iub" or (numeric and (labels == np.floor(labels)).all())
        if whole and labels.size == math.prod(shape[:-1]):
            if labels.min() < 0 or labels.max() >= units:
                raise ValueError(
                    f"labels must be classes from 0 to {units - 1}, as the model has {units} "
                    f"outputs; got {labels.min():g} to {labels.max():g}"
                )
            return Task("classes", from_logits)
        one_hot = labels.shape == shape and np.isin(labels, (0, 1)).all()
        if one_hot and (labels.sum(-1) == 1).all():
            return Task("one_hot", from_logits)
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
