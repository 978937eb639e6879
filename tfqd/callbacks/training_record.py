"""What happens to levels, codes and losses in a training, to be looked at afterwards."""

import json
import os
import pathlib
from typing import Any, NamedTuple

from tfqd.callbacks.callback import Callback
from tfqd.callbacks.code_flips import CodeFlips
from tfqd.compressed.atomic import replace_file
from tfqd.compressed.mean_bucket import levels_in_mean_bucket
from tfqd.spec.checks import check_given
from tfqd.wrapping.fitting import student_or_self
from tfqd.wrapping.naming import quantized_by_name


class Epoch(NamedTuple):
    """The state after an epoch.

    number: of epochs that were trained until then; 0 is before training.
    logs: what `fit` has logged, and ``code_flips`` (`tfqd.callbacks.CodeFlips`); empty
        before training.
    flips: the share of weights that changed their code in the epoch, by variable.
    levels: what the codes stand for, in weights' units, by variable: points or a grid, at
        the mean of the buckets' scales.
    """

    number: int
    logs: dict[str, float]
    flips: dict[str, float]
    levels: dict[str, list[float]]


class TrainingRecord(Callback):
    """Records levels, code flips and logs of every epoch.

    `tfqd.plot` and `tfqd.html_report` show what it has recorded. A further `fit` with
    an ``initial_epoch`` goes on with the record, another one begins a new one. Put it
    behind the callbacks that write logs.

    Args:
        path: a JSON file to keep the record in, epoch by epoch. What is in it already
            counts as recorded, so a training that was interrupted goes on with it.

    Attributes:
        epochs: a list of the states before training and after each epoch, with `number`,
            `logs`, `flips` and `levels`.

    Raises:
        ValueError: when the file at `path` holds something else; in `fit`, when the model
            is not quantized.

    Example:

    >>> import tensorflow as tf
    >>> quantized.compile("sgd", "mse")
    >>> record = tfqd.callbacks.TrainingRecord()
    >>> data = tf.ones((32, 8)), tf.ones((32, 4))
    >>> _ = quantized.fit(*data, epochs=2, callbacks=[record], verbose=0)
    >>> [epoch.number for epoch in record.epochs]
    [0, 1, 2]
    >>> len(record.epochs[2].levels[record.paths[0]])
    16
    """

    def __init__(self, path: str | os.PathLike | None = None):
        super().__init__()
        if path is not None:
            check_given(path)
        self._path = None if path is None else pathlib.Path(path)
        self._flips = CodeFlips()
        self._began = False
        self.epochs: list[Epoch] = []
        if self._path is not None and self._path.exists():
            self.epochs = _read(self._path)

    @property
    def paths(self) -> list[str]:
        """The variables with recorded levels."""
        return [*dict.fromkeys(path for epoch in self.epochs for path in epoch.levels)]

    def set_model(self, model):
        super().set_model(model)
        self._flips.set_model(model)

    def on_train_begin(self, logs=None):
        self._flips.on_train_begin()
        self._began = False

    def on_epoch_begin(self, epoch, logs=None):
        self._flips.on_epoch_begin(epoch)
        if not self._began:
            self._began = True
            self.epochs = [each for each in self.epochs if 0 < epoch >= each.number]
            if not self.epochs:
                self._add(epoch, {}, {})

    def on_epoch_end(self, epoch, logs=None):
        logged = dict(logs or {})
        self._flips.on_epoch_end(epoch, logged)
        floats = {name: float(value) for name, value in logged.items()}
        self._add(epoch + 1, floats, self._flips.by_variable[-1])

    def _add(self, number: int, logs: dict[str, float], flips: dict[str, float]) -> None:
        entries = quantized_by_name(student_or_self(self.model))
        tensors = {name: entry.encode() for name, entry in entries.items()}
        levels = {
            name: [float(f"{level:.6g}") for level in levels_in_mean_bucket(tensor)]
            for name, tensor in tensors.items()
            if tensor is not None
        }
        self.epochs.append(Epoch(number, logs, flips, levels))
        if self._path is not None:
            values = [epoch._asdict() for epoch in self.epochs]
            replace_file(self._path, [json.dumps(values).encode()])


def _read(path: pathlib.Path) -> list[Epoch]:
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
        return [Epoch(**each) for each in values]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is no record of a training: {error!s:.200}") from error
