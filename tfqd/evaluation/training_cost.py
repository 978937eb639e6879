"""What the training of a compressed model cost."""

from collections.abc import Mapping
from typing import NamedTuple


class TrainingCost(NamedTuple):
    """Steps and seconds that a training took, on the same machine for all that are compared."""

    steps: int
    seconds: float


def put_costs(
    values: Mapping[str, dict[str, float]], costs: Mapping[str, TrainingCost], reference: str
) -> None:
    """Puts the costs into `values`, and those over the reference's where that has some.

    Args:
        values: name -> key of a `Measure` -> what was measured.
        costs: of the models that have any, by their names.
        reference: the name of the model that others are held against.
    """
    before = costs.get(reference, TrainingCost(0, 0.0))
    for name, cost in costs.items():
        values[name].update(steps=cost.steps, seconds=cost.seconds)
        if before.steps:
            values[name]["steps_ratio"] = cost.steps / before.steps
        if before.seconds:
            values[name]["seconds_ratio"] = cost.seconds / before.seconds
