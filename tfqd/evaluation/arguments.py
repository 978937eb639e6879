"""Checks of what `tfqd.evaluate` is given."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfqd.evaluation.corruptions import STRENGTHS
from tfqd.evaluation.training_cost import TrainingCost
from tfqd.spec.checks import is_integer, one_or_several


def check_shapes(answers: Mapping[str, Any], reference: str) -> None:
    """Raises ValueError unless all answer in the shape that the reference answers in."""
    expected = answers[reference].shape
    for name, each in answers.items():
        if np.shape(each) != expected:
            raise ValueError(
                f"{name} must answer in the shape of {reference}, {expected}; got {np.shape(each)}"
            )


def check_answers_are_finite(answers: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError for a model that answers with NaN or positive infinity."""
    for name, each in answers.items():
        unusable = np.isnan(each) | (each == np.inf)
        if unusable.any():
            share = float(np.mean(unusable.reshape(len(each), -1).any(-1)))
            raise ValueError(
                f"{name} answers with NaN or infinity to {share:.1%} of the examples, which no "
                "score is for; leave it out"
            )


def checked_strengths(corruptions: bool | int | Sequence[int]) -> tuple[int, ...]:
    """The strengths that corruptions are asked for at; ValueError for others than 1 to 5."""
    if isinstance(corruptions, bool):
        return (1, 3, 5) if corruptions else ()
    strengths = tuple(one_or_several(corruptions))
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
