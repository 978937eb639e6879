"""What the training of a compressed model cost."""

from typing import NamedTuple


class TrainingCost(NamedTuple):
    """Steps and seconds that a training took, on the same machine for all that are compared."""

    steps: int
    seconds: float
