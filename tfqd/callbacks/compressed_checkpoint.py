"""The best model so far, compressed, on disk."""

import math
import os
import re
import warnings
from collections.abc import Mapping
from typing import Any

from tfqd.callbacks.callback import Callback
from tfqd.compressed import CompressedModel, read_manifest
from tfqd.compressed.facts import checked_facts
from tfqd.export.archive_file import archive_size, save
from tfqd.export.endings import check_ending
from tfqd.spec.checks import check_choice, checked_bool
from tfqd.wrapping.fitting import has_its_own_bits, notes_of_fit, student_or_self
from tfqd.wrapping.shadow import quantized_values_in

_SMALLER_IS_BETTER = re.compile(r"loss|error|mse|mae|mape|msle|perplexity|size_bytes|code_flips")
_LARGER_IS_BETTER = re.compile(r"acc|auc|precision|recall|f1|iou|size_ratio")

# By this name, in the notes of a fit, stand what give the bytes of files of a compressed model.
FILE_SIZES = "file sizes"
# No value takes more characters; how many bytes they are in the file differs by one or two.
_LONGEST, _DIFFER = -1.2345678901234567e-308, 4


class CompressedCheckpoint(Callback):
    """Keeps the best model as a `.tfqd` archive, written as `tfqd.save` writes it.

    The file is replaced at once or not at all, whenever the process is killed,
    and only by a file that was read back and answered as the model does. Its
    facts hold the epoch and the monitored value (``facts["checkpoint"]``), from
    which a run that begins at a later epoch, as a resumed one does, knows what
    to beat. Epochs with other bits than the model's own (`BitSchedule`) are left
    out: their metrics are not those of the model in the end. A monitored value that is NaN
    is no best one. Of a fit that could write nothing a warning says why.

    Args:
        path: file to write, ``*.tfqd`` by custom.
        monitor: what of the logs decides, from another callback's too if that
            comes before this one.
        mode: ``"min"``, ``"max"``, or ``"auto"`` to go by the monitor's name.
        save_best_only: whether to keep the best model, or just the latest.
        facts: more to remember in the archive, as JSON values.
        rest_dtype, scale_dtype, probes: see `tfqd.save`.

    Attributes:
        best: the monitored value of the best model so far; None before.

    Raises:
        ValueError: for an unknown mode, a path that ends as another kind of file, or a
            monitor whose name does not tell the mode; in `fit`, when the logs lack the
            monitor, the model is not quantized, or the file of a resumed run was written
            by something else.

    Example:

    >>> best = tfqd.callbacks.CompressedCheckpoint("best.tfqd", monitor="val_accuracy")
    """

    def __init__(
        self,
        path: str | os.PathLike,
        monitor: str = "val_loss",
        *,
        mode: str = "auto",
        save_best_only: bool = True,
        facts: Mapping[str, Any] | None = None,
        rest_dtype: str = "float32",
        scale_dtype: str = "float32",
        probes: Any = None,
    ):
        super().__init__()
        check_ending(path, ".tfqd")
        self.best: float | None = None
        self._first_epoch: int | None = None  # of the fit
        self._values: list[float] = []  # that were monitored in the fit's epochs that count
        self._path = path
        self._monitor = monitor
        self._larger_is_better = _mode(mode, monitor) == "max"
        self._save_best_only = checked_bool("save_best_only", save_best_only)
        self._facts = checked_facts({} if facts is None else facts)
        self._options = {"rest_dtype": rest_dtype, "scale_dtype": scale_dtype, "probes": probes}

    def on_train_begin(self, logs=None):
        self._first_epoch, self._values = None, []
        notes_of_fit(self.model).setdefault(FILE_SIZES, []).append(self._most_bytes)

    def on_epoch_begin(self, epoch, logs=None):
        if self._first_epoch is None:
            self._first_epoch = epoch

    def on_train_end(self, logs=None):
        if (cause := self._nothing_to_keep()) is not None:
            warnings.warn(
                f"nothing was written to {os.fspath(self._path)!r}: {cause}", stacklevel=2
            )

    def on_epoch_end(self, epoch, logs=None):
        model = student_or_self(self.model)
        if not has_its_own_bits(model):
            return
        value = self._monitored(logs or {})
        self._values.append(value)
        if self.best is None and self._first_epoch:
            self.best = self._best_on_disk()
        better = self._is_better(value)
        if better or not self._save_best_only:
            with quantized_values_in(model):
                save(model, self._path, facts=self._facts_of(epoch, value), **self._options)
        if better:
            self.best = value

    def _nothing_to_keep(self) -> str | None:
        """Why no epoch of the fit could be written; None where one could."""
        if self._first_epoch is None:
            return "no epoch was trained"
        if not self._values:
            return "in no epoch of this fit all variables and activations had their own bits"
        if self._save_best_only and all(map(math.isnan, self._values)):
            return f"{self._monitor!r} was NaN in all epochs of this fit that count"
        return None

    def _facts_of(self, epoch: int, value: float) -> dict[str, Any]:
        record = {"epoch": epoch, "monitor": self._monitor, "value": value}
        return {**self._facts, "checkpoint": record}

    def _most_bytes(self, compressed: CompressedModel) -> int:
        """What the file of the model takes at most, in whatever epoch it is written."""
        last = (self.params or {}).get("epochs") or 1
        facts = self._facts_of(last, _LONGEST)
        return archive_size(compressed, facts=facts, **self._options) + _DIFFER

    def _monitored(self, logs: Mapping[str, Any]) -> float:
        if self._monitor not in logs:
            raise ValueError(
                f"monitor {self._monitor!r} is not among the logs of this epoch, which are: "
                f"{', '.join(sorted(logs)) or 'none'}; give fit validation_data, or pass another "
                "monitor="
            )
        return float(logs[self._monitor])

    def _is_better(self, value: float) -> bool:
        if math.isnan(value):
            return False
        if self.best is None:
            return True
        return value > self.best if self._larger_is_better else value < self.best

    def _best_on_disk(self) -> float | None:
        if not os.path.exists(self._path):
            return None
        record = read_manifest(self._path).facts.get("checkpoint")
        if not isinstance(record, dict) or record.get("monitor") != self._monitor:
            raise ValueError(
                f"{os.fspath(self._path)!r} was not written by a CompressedCheckpoint that "
                f"monitors {self._monitor!r}, so this run cannot tell whether it is better; move "
                "it away"
            )
        return float(record["value"])


def _mode(mode: str, monitor: str) -> str:
    check_choice("mode", mode, ("min", "max", "auto"))
    if mode != "auto":
        return mode
    smaller, larger = _SMALLER_IS_BETTER.search(monitor), _LARGER_IS_BETTER.search(monitor)
    if bool(smaller) == bool(larger):
        raise ValueError(f"give mode='min' or mode='max'; monitor {monitor!r} does not tell which")
    return "min" if smaller else "max"
