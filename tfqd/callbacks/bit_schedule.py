"""Bits by epoch: high ones or none at first, a model's own in the end."""

from collections.abc import Mapping

from tfqd.callbacks.callback import Callback
from tfqd.spec.checks import is_bits, is_integer
from tfqd.wrapping.fitting import handed_over, trace_again
from tfqd.wrapping.quantized import QuantizedVariable, find_quantized


class BitSchedule(Callback):
    """Trains a quantized model with other bits than its own for a while.

    A variable never has fewer bits than its spec; with more it is rounded to a
    uniform grid in the same buckets. When a codebook's own bits come after a
    phase without them, its points start anew from the weights as they then are.
    The phase follows from the epoch alone, so that a run resumed with
    ``initial_epoch`` does what the whole run would have done.

    For models of `tfqd.quantize_model`, for a `tfqd.Distiller`, and behind
    `QuantizeWeights` in the list of callbacks for others. Step functions are
    traced again when the bits change.

    Args:
        phases: the epoch in which a phase begins, from 0 on -> its bits, 1 to 8,
            or None for float weights.

    Raises:
        TypeError: when `phases` is no mapping.
        ValueError: when it is empty, does not begin at epoch 0, or epochs or
            bits are none.
        ValueError: in `fit`, when nothing is quantized, or the last phase has
            more bits than one of the model's variables.

    Example:

    >>> callback = tfqd.callbacks.BitSchedule({0: 8, 3: 4, 6: 2})
    """

    def __init__(self, phases: Mapping[int, int | None]):
        super().__init__()
        if not isinstance(phases, Mapping):
            raise TypeError(
                f"phases must be a mapping from epochs to bits, as {{0: 8, 3: 4}}; got {phases!r}"
            )
        for epoch, bits in phases.items():
            if not is_integer(epoch, 0):
                raise ValueError(f"epochs must be integers of 0 or more; got {epoch!r}")
            if bits is not None and not is_bits(bits):
                raise ValueError(f"bits must be integers from 1 to 8, or None; got {bits!r}")
        if 0 not in phases:
            raise ValueError(f"the first phase must begin at epoch 0; got {dict(phases)}")
        self.phases = dict(sorted(phases.items()))

    def on_train_begin(self, logs=None):
        entries = find_quantized(handed_over(self.model))
        if not entries:
            raise ValueError(
                f"model {self.model.name!r} has no quantized variables to schedule; give it to "
                "tfqd.quantize_model, or put QuantizeWeights before BitSchedule"
            )
        epoch, last = list(self.phases.items())[-1]
        for entry in entries:
            own = entry.quantizer.spec.bits
            if last is None or last > own:
                raise ValueError(
                    f"training would end unfinished: the last phase, from epoch {epoch}, has "
                    f"{last} bits, and {entry.path} is to end with {own}"
                )

    def on_epoch_begin(self, epoch, logs=None):
        begin = max(start for start in self.phases if start <= epoch)
        entries = find_quantized(handed_over(self.model))
        before = [entry.bits for entry in entries]
        for entry in entries:
            entry.set_bits(self.phases[begin])
            if epoch == begin and self._comes_into_its_own(entry, begin):
                entry.initialize()
        if [entry.bits for entry in entries] != before:
            trace_again(self.model)

    def _comes_into_its_own(self, entry: QuantizedVariable, begin: int) -> bool:
        """Whether the variable has its own bits from this phase on, and had others before."""
        if begin == 0:
            return False
        own = entry.quantizer.spec.bits
        before = self.phases[max(start for start in self.phases if start < begin)]
        return entry.active is entry.quantizer and (before is None or before > own)
