"""How many weights change their code in an epoch: progress at first, later oscillation.

With few bits a weight near the border between two levels may change its level
at every step and never settle (Nagel et al. 2022, "Overcoming oscillations in
quantization-aware training"). Their share shows whether bits, learning rate or
a freeze of the weights should change (`DampenOscillations`, `FreezeOscillations`).
"""

import math

import numpy as np

from tfqd.callbacks.callback import Callback
from tfqd.spec.checks import checked_bool
from tfqd.wrapping.fitting import student_or_self
from tfqd.wrapping.naming import quantized_by_name
from tfqd.wrapping.quantized import QuantizedVariable


class CodeFlips(Callback):
    """Puts the share of weights that changed their code this epoch into the logs.

    ``logs["code_flips"]`` is the share, 0 to 1, over all quantized weights; NaN
    in an epoch in which none is quantized. Where a spec has ``freeze_above``,
    ``logs["frozen_codes"]`` is the share of weights that are frozen. Put the
    callback behind `QuantizeWeights` and `BitSchedule`, and before those that
    read the logs.

    Args:
        per_variable: whether the logs hold ``code_flips/<path>`` for each
            variable too.

    Attributes:
        by_variable: for each epoch the share of each quantized variable, by its name in
            the archive: the path, with ``:1``, ``:2``, ... where others have it too.

    Example:

    >>> import tensorflow as tf
    >>> flips = tfqd.callbacks.CodeFlips()
    >>> quantized.compile("sgd", "mse")
    >>> data = tf.ones((32, 8)), tf.ones((32, 4))
    >>> history = quantized.fit(*data, epochs=2, callbacks=[flips], verbose=0).history
    >>> len(history["code_flips"]), len(flips.by_variable[0])
    (2, 2)
    """

    def __init__(self, *, per_variable: bool = False):
        super().__init__()
        self.by_variable: list[dict[str, float]] = []
        self._per_variable = checked_bool("per_variable", per_variable)
        self._bits: list[int | None] = []
        self._codes: list[np.ndarray | None] = []

    def on_train_begin(self, logs=None):
        self.by_variable = []
        self._bits, self._codes = [], []

    def on_epoch_begin(self, epoch, logs=None):
        entries = self._entries().values()
        bits = [entry.bits for entry in entries]
        if bits != self._bits:
            self._bits, self._codes = bits, [entry.codes() for entry in entries]

    def on_epoch_end(self, epoch, logs=None):
        by_name = self._entries()
        entries = [*by_name.values()]
        shares, flipped, size = {}, 0, 0
        for i, (name, entry) in enumerate(by_name.items()):
            before, codes = self._codes[i], entry.codes()
            self._codes[i] = codes
            if before is None or codes is None or entry.bits != self._bits[i]:
                continue
            changed = int(np.count_nonzero(before != codes))
            shares[name] = changed / codes.size
            flipped, size = flipped + changed, size + codes.size
        self._bits = [entry.bits for entry in entries]
        self.by_variable.append(shares)
        if logs is not None:
            logs["code_flips"] = flipped / size if size else math.nan
            logs.update(_frozen(entries))
            if self._per_variable:
                logs.update({f"code_flips/{name}": shares.get(name, math.nan) for name in by_name})

    def _entries(self) -> dict[str, QuantizedVariable]:
        entries = quantized_by_name(student_or_self(self.model))
        if not entries:
            raise ValueError(f"model {self.model.name!r} has no quantized variables to watch")
        return entries


def _frozen(entries: list[QuantizedVariable]) -> dict[str, float]:
    """The share of frozen weights, if any can be."""
    can_be = [entry for entry in entries if entry.quantizer.spec.freeze_above is not None]
    if not can_be:
        return {}
    places = [entry.held_codes for entry in can_be if entry.held_codes is not None]
    size = sum(entry.size for entry in entries)
    return {"frozen_codes": sum(int(np.count_nonzero(place)) for place in places) / size}
