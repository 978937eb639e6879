"""The bytes of the archive as a target of training."""

import dataclasses
import math
import warnings

import numpy as np

from tfqd.callbacks.bisection import bisect, bracket
from tfqd.callbacks.callback import Callback
from tfqd.compressed import QuantizedTensor
from tfqd.compressed.records import encode_quantized
from tfqd.export.archive_file import archive_size
from tfqd.spec import EntropyConstrained
from tfqd.spec.budget import parse_bytes
from tfqd.wrapping.fitting import handed_over
from tfqd.wrapping.quantized import find_quantized

# A file of this share of the budget is left as it is, and one of the other is searched for.
_GOOD, _AIM = 0.99, 0.995
# Beyond this weight of code lengths, in squares of the step, steps are stretched instead.
_HIGHEST_RATE_WEIGHT = 0.4
# The first factors that steps are stretched by: e to this.
_STRETCH = 0.25
_ROUNDS = 4


class ByteBudget(Callback):
    """Trains a model of `tfqd.EntropyConstrained` weights to a size: that of its archive.

    Before training the steps are stretched by one factor until the `.tfqd` file would
    take the budget. At the end of every epoch the weight of the code length, one for the
    whole network, is moved such that it would again, and at the end of training once
    more: the file that `tfqd.save` writes then, without facts, takes at most the budget
    and about 99 % of it. Weights are assigned by the new code lengths in the next epoch,
    so that the network learns to do with them.

    ``logs["size_bytes"]`` are the bytes after each epoch, ``logs["rate_weight"]`` what a
    bit of code length counts. Put the callback before those that write checkpoints:
    training from one goes on as if it had not stopped.

    Args:
        budget: bytes of the file, or a text such as ``"26 kB"``.
        verbose: 0 for silence, 1 for a line after each epoch.

    Raises:
        ValueError: when `budget` is no size; in `fit`, when no weight is
            `tfqd.EntropyConstrained`, or no file can be as small.

    Example:

    >>> import os
    >>> import tensorflow as tf
    >>> quantized = tfqd.quantize_model(model, tfqd.EntropyConstrained(average_bits=2))
    >>> quantized.compile("sgd", "mse")
    >>> _ = tfqd.save(quantized, "before.tfqd")
    >>> size = os.path.getsize("before.tfqd")
    >>> budget = tfqd.callbacks.ByteBudget(size - 10, verbose=0)
    >>> _ = quantized.fit(tf.ones((32, 8)), tf.ones((32, 4)), callbacks=[budget], verbose=0)
    >>> _ = tfqd.save(quantized, "after.tfqd")
    >>> os.path.getsize("after.tfqd") < size
    True
    """

    def __init__(self, budget: int | str, verbose: int = 1):
        super().__init__()
        self.budget = parse_bytes(budget)
        self._verbose = verbose

    def on_train_begin(self, logs=None):
        self._entries = find_quantized(handed_over(self.model))
        self._weighed = [
            entry for entry in self._entries if isinstance(entry.quantizer.spec, EntropyConstrained)
        ]
        if not self._weighed:
            raise ValueError(
                f"model {self.model.name!r} has no weights whose code length counts; give "
                "tfqd.quantize_model a tfqd.EntropyConstrained"
            )
        self._measure()
        least = self._rest + sum(_least_bytes(entry.encode()) for entry in self._entries)
        if least > self.budget:
            raise ValueError(
                f"the smallest file, in which all quantized weights are 0, takes {least:,} bytes, "
                f"more than the budget of {self.budget:,}"
            )
        if not self._is_good():
            self._stretch()

    def on_epoch_end(self, epoch, logs=None):
        if any(entry.active is not entry.quantizer for entry in self._weighed):
            return  # A schedule trains with other bits for now.
        self._keep()
        rate_weight = self._rate_weight()
        if logs is not None:
            logs["size_bytes"], logs["rate_weight"] = self._size, rate_weight
        if self._verbose:
            print(
                f"ByteBudget: {self._size:,} of {self.budget:,} bytes, "
                f"rate_weight {rate_weight:.3g}",
                flush=True,
            )

    def _measure(self) -> None:
        """Notes the bytes of the file, and of what it holds beside quantized tensors."""
        self._size = archive_size(handed_over(self.model))
        self._rest = self._size - self._payload()

    def _is_good(self) -> bool:
        return _GOOD * self.budget <= self._size <= self.budget

    def _keep(self) -> None:
        """Moves the weight of code lengths, or steps where that is not enough."""
        self._measure()
        for _ in range(_ROUNDS):
            if self._is_good():
                return
            aim = self.budget - self._rest
            if self._payload_at(0.0) > aim >= self._payload_at(_HIGHEST_RATE_WEIGHT):
                ends = 0.0, _HIGHEST_RATE_WEIGHT
                self._set_rate_weight(bisect(self._payload_at, aim, *ends, _AIM * aim))
            else:
                self._set_rate_weight(self._weighed[0].quantizer.spec.rate_weight)
                self._stretch()
            self._measure()

    def _stretch(self) -> None:
        """Stretches all steps by one factor, until the payload is what is left for it."""
        aim, now = self.budget - self._rest, 0.0

        def payload_at(logarithm: float) -> int:
            nonlocal now
            for entry in self._weighed:
                entry.stretch_steps(math.exp(logarithm - now))
            now = logarithm
            return self._payload()

        ends = bracket(payload_at, aim, _STRETCH)
        if ends is None:
            payload_at(now + _STRETCH)
            warnings.warn(
                f"{self.budget:,} bytes are more than the levels of the specs can use; give "
                "tfqd.EntropyConstrained more bits",
                stacklevel=2,
            )
        else:
            payload_at(bisect(payload_at, aim, *ends, _AIM * aim))

    def _rate_weight(self) -> float:
        return float(np.asarray(self._weighed[0].state["rate_weight"]))

    def _set_rate_weight(self, value: float) -> None:
        for entry in self._weighed:
            entry.set_rate_weight(value)

    def _payload_at(self, rate_weight: float) -> int:
        self._set_rate_weight(rate_weight)
        return self._payload()

    def _payload(self) -> int:
        """Bytes of all quantized tensors in the archive."""
        tensors = (entry.encode() for entry in self._entries)
        return sum(_bytes_of(tensor) for tensor in tensors if tensor is not None)


def _bytes_of(tensor: QuantizedTensor) -> int:
    return len(encode_quantized("", tensor, "float32")[1])


def _least_bytes(tensor: QuantizedTensor | None) -> int:
    """Bytes of the tensor when all its codes are the same."""
    if tensor is None:
        return 0
    return _bytes_of(dataclasses.replace(tensor, codes=np.zeros_like(tensor.codes)))
