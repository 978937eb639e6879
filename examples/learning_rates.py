"""Learning rates by epoch, as pure functions of what the epochs before left.

A schedule is called with the errors on held-out data, one for each epoch so far, and gives
the factor of the learning rate for the next one, or None to stop. So a training that was
killed goes on as it would have.
"""

import dataclasses
import json
import math
import pathlib
from collections.abc import Callable, Sequence

import keras
from whole_files import new_file

Schedule = Callable[[Sequence[float]], float | None]


@dataclasses.dataclass(frozen=True)
class Plateau:
    """Halves the rate where the error stops falling, as the paper's code does.

    After `patience` epochs without a drop of the error by 0.001 the rate is halved, and the
    next `wait` epochs are not counted; after more than `most_bad` epochs without a drop, or
    more than 11 halvings, the training ends.
    """

    patience: int = 10
    wait: int = 8
    most_bad: int = 30

    def __call__(self, errors: Sequence[float]) -> float | None:
        best, bad, bad_in_all, waiting, halvings = math.inf, 0, 0, 0, 0
        for error in errors:
            if error < best - 0.001:
                best, bad, bad_in_all = error, 0, 0
            else:
                bad, bad_in_all = bad + (waiting == 0), bad_in_all + 1
            waiting = max(0, waiting - 1)
            if bad >= self.patience:
                bad, waiting, halvings = 0, self.wait, halvings + 1
        return None if bad_in_all > self.most_bad or halvings > 11 else 0.5**halvings

    def scaled(self, budget: float) -> "Plateau":
        """The same for a training that has `budget` times as many epochs.

        Three epochs without a drop end no training, however short it is.
        """
        return Plateau(
            max(1, round(budget * self.patience)),
            round(budget * self.wait),
            max(3, round(budget * self.most_bad)),
        )


@dataclasses.dataclass(frozen=True)
class Steps:
    """Multiplies the rate by `factor` at each of the epochs `at`."""

    at: tuple[int, ...]
    factor: float

    def __call__(self, errors: Sequence[float]) -> float:
        return self.factor ** sum(len(errors) >= epoch for epoch in self.at)


@dataclasses.dataclass(frozen=True)
class Cosine:
    """Lets the rate fall from 1 to 0 over the epochs."""

    epochs: int

    def __call__(self, errors: Sequence[float]) -> float:
        return 0.5 * (1 + math.cos(math.pi * len(errors) / self.epochs))


def constant(errors: Sequence[float]) -> float:
    """The rate as it is."""
    return 1.0


def epochs_made(path: pathlib.Path) -> int:
    """How many epochs a training made, by the errors that its `Pace` kept at the path."""
    return len(json.loads(path.read_text()))


class Pace(keras.callbacks.Callback):
    """Sets the learning rate of every epoch, and stops where the schedule does.

    Args:
        rate: the largest learning rate.
        schedule: what it is multiplied by.
        accuracy: measures the model on held-out data; from 0 to 1. It is logged as ``held_out``.
        path: where the errors are kept, for a training that goes on.
        done: epochs that were made before.
    """

    def __init__(
        self,
        rate: float,
        schedule: Schedule,
        accuracy: Callable[[], float],
        path: pathlib.Path,
        done: int,
    ):
        super().__init__()
        self._rate, self._schedule, self._accuracy = rate, schedule, accuracy
        self._path = path
        self._errors = json.loads(path.read_text())[:done] if done else []

    @property
    def ended(self) -> bool:
        """Whether the schedule wants no further epoch."""
        return self._schedule(self._errors) is None

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = self._rate * self._schedule(self._errors)

    def on_epoch_end(self, epoch, logs=None):
        logs["held_out"] = self._accuracy()
        self._errors.append(1 - logs["held_out"])
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with new_file(self._path) as temporary:
            temporary.write_text(json.dumps(self._errors))
        self.model.stop_training = self.ended
