"""Checks of what `tfqd.evaluate` is given."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfqd.batches import labelled_batches
from tfqd.evaluation.corruptions import STRENGTHS
from tfqd.evaluation.training_cost import TrainingCost
from tfqd.spec.checks import is_integer


def arrays_of(data: Any) -> tuple[Any, np.ndarray]:
    """All inputs and labels, of whatever `tfqd.evaluate` takes as data.

    Raises:
        TypeError: when it is nothing of this.
        ValueError: when it has no end, no example, or another number of labels.
    """
    if isinstance(data, tuple) and len(data) == 2:
        inputs, labels = data
        if not isinstance(inputs, Mapping | list):
            inputs = np.asarray(inputs)
        labels = np.asarray(labels)
    else:
        batches = list(labelled_batches(data, None, 128))
        if not batches:
            raise ValueError("data has no example")
        inputs, labels = (np.concatenate([batch[i] for batch in batches]) for i in (0, 1))
    if not len(labels):
        raise ValueError("data has no example")
    if isinstance(inputs, np.ndarray) and len(inputs) != len(labels):
        raise ValueError(
            f"data must have as many labels as inputs; got {len(labels)} and {len(inputs)}"
        )
    return inputs, labels


def check_shapes(answers: Mapping[str, Any], reference: str) -> None:
    """Raises ValueError unless all answer in the shape that the reference answers in."""
    expected = answers[reference].shape
    for name, each in answers.items():
        if np.shape(each) != expected:
            raise ValueError(
                f"{name} must answer in the shape of {reference}, {expected}; got {np.shape(each)}"
            )


def checked_strengths(corruptions: bool | Sequence[int]) -> tuple[int, ...]:
    """The strengths that corruptions are asked for at; ValueError for others than 1 to 5."""
    if isinstance(corruptions, bool):
        return (1, 3, 5) if corruptions else ()
    strengths = tuple(corruptions)
    if not strengths or not all(is_integer(each, 1, STRENGTHS[-1]) for each in strengths):
        raise ValueError(
            f"corruptions must be True, False or strengths from 1 to 5; got {corruptions!r}"
        )
    return strengths


def checked_costs(
    training: Mapping[str, TrainingCost], models: Mapping[str, Any]
) -> dict[str, TrainingCost]:
    """`training`; ValueError for a name that no model has."""
    unknown = [name for name in training if name not in models]
    if unknown:
        raise ValueError(f"training must be of {', '.join(models)}; got {', '.join(unknown)}")
    return {name: TrainingCost(*cost) for name, cost in training.items()}
