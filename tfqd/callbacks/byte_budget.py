"""The bytes of the archive as a target of training."""

import math
from collections.abc import Callable
from typing import Any

from tfqd.callbacks.callback import Callback
from tfqd.callbacks.compressed_checkpoint import FILE_SIZES
from tfqd.callbacks.stretched_steps import StretchedSteps
from tfqd.compressed import CompressedModel
from tfqd.export.archive_file import archive_size_in_any_case
from tfqd.spec.budget import parse_bytes
from tfqd.wrapping.fitting import (
    hold_at_the_end,
    notes_of_fit,
    optimizer_steps,
    student_or_self,
    trace_again,
)

# The price is moved every so many batches, by a proportional and an integral controller of
# the logarithm of how many times too many bits there are.
_EVERY = 8
_PROPORTIONAL, _INTEGRAL = 10.0, 2.0
# The controller takes no greater excess, of which few bits in a large file have much.
_MOST_EXCESS = 1.0
# The share of too many bits that is taken away each time, by longer steps: a price alone does
# nothing once the learning rate has fallen, and what it leaves would come at once at the end.
_CORRECTED = 0.1
# What the bits of the budget together count in the loss at first. Where small networks come to
# rest, it is 0.01 to 1, as the loss that is left and the bits of a weight are less or more.
_FIRST_PRICE = 0.1
# And at least, where the budget is more than can be used: a price that fell on and on would
# not come back, and be none at last.
_LEAST_PRICE = 1e-5


class ByteBudget(Callback):
    """Trains a model of `tfqd.EntropyConstrained` weights to a size: that of its archive.

    The loss gets a term that counts bits, at one price a bit for the whole network: steps
    grow where errors cost least, and a layer takes bits as long as they lower the loss by
    their price. The price is moved every few batches such that all bits are those of the
    budget (a Lagrange multiplier), and all steps are stretched a little by one factor.
    Before training, and after every epoch, what is left to do is done by such a factor
    alone: the file that `tfqd.save` then writes, without facts, takes at most the budget
    and about 99 % of it. What a `CompressedCheckpoint` of the same `fit` writes, with its
    facts and probes, takes no more either; ``size_bytes`` are then those of the larger file.

    ``logs["size_bytes"]`` are the bytes after each epoch, ``logs["bit_price"]`` the price.
    ``logs["estimated_bytes"]`` tell how near training came before all steps were stretched: what
    the entropy of its codes says of the file, whose tables are taken to be as long as before.
    The loss of training holds the price of the bits, that of validation does not, and what
    is validated is what the file of that epoch holds.
    Put the callback before those that write checkpoints: training from one goes on with
    the steps, frequencies and price that it holds. Weights that are put in at the end of
    training, as averages by an optimizer with ``use_ema``, are kept to the budget too, and
    statistics that a `BatchNormReestimation` of the same `fit` measures; those of
    `reestimate_batch_norm` after it may take some bytes more.
    Frozen layers stay as they are, and their bytes count. A budget that is more than the
    levels can use is warned of, and the file smaller: these take the entropy of the codes with
    the largest weight on the last level, which is less than `bits` a weight.
    What is not `tfqd.EntropyConstrained`, as biases and statistics, may take more bytes once it
    has trained: a budget that leaves next to no room for codes may be refused after an epoch.

    Args:
        budget: bytes of the file, or a text such as ``"26 kB"``.
        probes: that the file is to have, see `tfqd.save`. None for random ones; of a model that
            these do not suit, as one of logarithms, the file is counted without probes.
        verbose: 0 for silence, 1 for a line after each epoch.

    Raises:
        ValueError: when `budget` is no size; in `fit`, when no trained
            weight is `tfqd.EntropyConstrained`, or no file can be as small.

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

    # From `_begin` on: the price without what is proportional to the excess, and its moves.
    _log_price: float
    _moves: int
    _estimated_bytes: int

    def __init__(self, budget: int | str, *, probes: Any = None, verbose: int = 1):
        super().__init__()
        self.budget = parse_bytes(budget)
        self._verbose = verbose
        self._probes = probes
        self._undo: list[Callable[[], None]] = []

    def on_train_begin(self, logs=None):
        self._take_away()  # What an interrupted fit has left.
        self._steps = StretchedSteps(student_or_self(self.model), self.budget, self._file_size)
        self._has_begun = False
        self._has_trained = False  # Since steps were last stretched.
        self._batches = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._batches_before = epoch, self._batches

    def on_train_batch_begin(self, batch, logs=None):
        # Not before: other callbacks change bits and load weights.
        if not self._has_begun and not self._steps.is_suspended:
            self._begin(batch)

    def on_train_batch_end(self, batch, logs=None):
        # With steps_per_execution not every batch is told of.
        self._batches = self._batches_before + batch + 1
        self._has_trained = True
        moves = self._batches // _EVERY
        if not self._has_begun or self._steps.is_suspended or moves == self._moves:
            return
        self._moves = moves
        bits = max(self._steps.coded_bits(), 1.0)
        excess = min(max(math.log(bits / self._steps.aimed_bits), -_MOST_EXCESS), _MOST_EXCESS)
        least = math.log(_LEAST_PRICE / self._steps.aimed_bits)
        self._log_price = max(self._log_price + _INTEGRAL * excess, least)
        self._set_price(math.exp(self._log_price + _PROPORTIONAL * excess))
        if self._steps.is_usable:
            # A step twice as long spares each weight about a bit.
            too_many = (bits - self._steps.aimed_bits) / self._steps.weights
            self._steps.stretch(2.0 ** (_CORRECTED * too_many), settle=False)

    def on_epoch_end(self, epoch, logs=None):
        if self._steps.is_suspended or not self._has_begun:
            return
        self._keep()
        # What a checkpoint holds of it, and so what a fit that goes on from there begins with.
        self._set_price(math.exp(self._log_price))
        self._log_price = math.log(self._price())
        if logs is not None:
            logs["size_bytes"], logs["estimated_bytes"] = self._steps.size, self._estimated_bytes
            logs["bit_price"] = self._price()
        if self._verbose:
            print(
                f"ByteBudget: {self._steps.size:,} of {self.budget:,} bytes, "
                f"{self._estimated_bytes:,} estimated before steps were stretched, "
                f"a bit counts {self._price():.3g}",
                flush=True,
            )

    def on_test_begin(self, logs=None):
        # What is validated is what the file holds, and its loss without what bits count.
        if self._undo and not self._steps.is_suspended:
            self._keep()
        if self._undo:
            self._set_price(0.0)

    def on_test_end(self, logs=None):
        if self._undo:
            self._set_price(math.exp(self._log_price))

    def on_train_end(self, logs=None):
        self._take_away()
        trace_again(self.model)
        hold_at_the_end(self.model, self._keep_what_was_put_in)

    def _begin(self, batch: int) -> None:
        """Brings the model to the budget and has its loss count bits.

        Args:
            batch: the coming one of the epoch.
        """
        self._has_begun = True
        # An optimizer that adds up gradients makes fewer steps than there are batches.
        steps = self.params.get("steps")
        begun = optimizer_steps(self.model) - batch if steps is None else self._epoch * steps
        self._batches_before, self._batches = begun, begun + batch
        self._moves = self._batches // _EVERY
        goes_on = self._epoch > 0 and self._price() > 0
        self._steps.keep(settle=not goes_on)
        self._estimated_bytes = self._steps.size
        self._log_price = math.log(self._price() or _FIRST_PRICE / self._steps.aimed_bits)
        self._set_price(math.exp(self._log_price))
        self._undo = [each.entry.add_penalty("price", each.price) for each in self._steps.priced]
        trace_again(self.model)

    def _keep(self) -> None:
        """Keeps the file to the budget, and notes what was estimated for what training left."""
        self._steps.keep(settle=False)
        if self._has_trained:
            self._estimated_bytes = self._steps.estimated_bytes
        self._has_trained = False

    def _file_size(self, compressed: CompressedModel) -> int:
        """Bytes of what `tfqd.save` or a callback of this fit writes, whichever are more."""
        others = notes_of_fit(self.model).get(FILE_SIZES, ())
        own = archive_size_in_any_case(compressed, self._probes)
        return max([own, *(size(compressed) for size in others)])

    def _keep_what_was_put_in(self) -> None:
        if not self._steps.is_suspended:
            self._steps.keep(settle=not self._has_begun)

    def _price(self) -> float:
        return self._steps.priced[0].bit_price

    def _set_price(self, price: float) -> None:
        for each in self._steps.priced:
            each.bit_price = price

    def _take_away(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
