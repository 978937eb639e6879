"""The frequency above which oscillating weights are frozen, lowered over the epochs."""

from tfqd.callbacks.annealing import cosine, epochs_of
from tfqd.callbacks.callback import Callback
from tfqd.spec.checks import checked_positive
from tfqd.wrapping.fitting import hold_at_the_end, student_or_self
from tfqd.wrapping.quantized import QuantizedVariable, find_quantized


class FreezeOscillations(Callback):
    """Freezes few weights of a quantized model at first, and more towards the end.

    Weights of a spec with ``freeze_above=f`` are frozen when they oscillate more
    often than f, with or without this callback. It begins with a higher frequency
    and comes down to f over the epochs, as half a wave of a cosine (Nagel et al.
    2022, arXiv 2203.11086): what is frozen early misses the rest of training. Whenever
    training ends, the model is left with f.
    `CodeFlips` logs how many are.

    Args:
        start: frequency in the first epoch, above 0 and at most 1.

    Raises:
        ValueError: when `start` is no such number; in `fit`, when no spec has
            ``freeze_above``, or one that is above `start`.

    Example:

    >>> spec = tfqd.LearnedStep(bits=3, freeze_above=0.02)
    >>> callback = tfqd.callbacks.FreezeOscillations(start=0.1)
    """

    def __init__(self, start: float = 0.1):
        super().__init__()
        self._start = checked_positive("start", start)
        if self._start > 1:
            raise ValueError(f"start must be a frequency, at most 1; got {start!r}")

    def on_train_begin(self, logs=None):
        entries = self._entries()
        if not entries:
            raise ValueError(
                f"model {self.model.name!r} has no variable to freeze weights of; give "
                "tfqd.quantize_model a spec with freeze_above"
            )
        highest = max(above for _, above in entries)
        if highest > self._start:
            raise ValueError(
                f"start must not be below freeze_above, which is {highest}; got {self._start}"
            )

    def on_epoch_begin(self, epoch, logs=None):
        for entry, own in self._entries():
            entry.freeze_above(cosine(self._start, own, epoch, epochs_of(self)))

    def on_train_end(self, logs=None):
        hold_at_the_end(self.model, self._put_back)

    def _put_back(self) -> None:
        """Puts the frequencies of the specs back, which a fit that ends early has not come to."""
        for entry, own in self._entries():
            entry.freeze_above(own)

    def _entries(self) -> list[tuple[QuantizedVariable, float]]:
        """The variables that may be frozen, with the frequency of their specs."""
        entries = find_quantized(student_or_self(self.model))
        found = [(entry, entry.quantizer.spec.freeze_above) for entry in entries]
        return [(entry, above) for entry, above in found if above is not None]
