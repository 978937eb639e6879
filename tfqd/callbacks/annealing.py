"""Numbers that go from one value to another over the epochs of a fit."""

import math

from tfqd.spec.checks import is_integer


def cosine(start: float, end: float, epoch: int, epochs: int) -> float:
    """Half a wave of a cosine, flat at both ends.

    Args:
        start: in the first epoch.
        end: in the last epoch; throughout where there is but one.
        epoch: which one, from 0 on.
        epochs: how many there are.

    Example:

    >>> [cosine(0.0, 1.0, epoch, 5) for epoch in (0, 2, 4)]
    [0.0, 0.5, 1.0]
    """
    progress = min(epoch / (epochs - 1), 1.0) if epochs > 1 else 1.0
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def epochs_of(callback) -> int:
    """The number of epochs of the fit that a callback is in.

    Raises:
        ValueError: where `fit` knows none.
    """
    epochs = callback.params.get("epochs")
    if not is_integer(epochs):
        raise ValueError(f"the number of epochs must be known; fit says {epochs!r}")
    return int(epochs)
