"""Bits by epoch: high ones or none at first, a model's own in the end."""

import warnings
from collections.abc import Mapping
from typing import Any

from tfqd.callbacks.callback import Callback
from tfqd.spec.checks import is_integer
from tfqd.wrapping.activations import quantized_activations
from tfqd.wrapping.fitting import (
    after_all_callbacks,
    has_its_own_bits,
    student_or_self,
    trace_again,
)
from tfqd.wrapping.quantized import QuantizedVariable, find_quantized
from tfqd.wrapping.variables import weights_digest

Phases = dict[int, int | None]


class BitSchedule(Callback):
    """Trains a quantized model with other bits than its own for a while.

    A variable never has fewer bits than its spec; with more it is rounded to a
    uniform grid in the same buckets. When its own bits come after a phase without
    them, points, trained steps and offsets, and code lengths start anew from the
    weights as they then are.
    Activations (`tfqd.Activations`) never have fewer bits than their spec either,
    and keep the ends of their ranges. The phase follows from the epoch alone, so
    that a run resumed with ``initial_epoch`` does what the whole run would have done. A fit
    that ends before the last phase leaves the model with the bits it then has, and warns.

    For models of `tfqd.quantize_model`, for a `tfqd.Distiller`, and behind
    `QuantizeWeights` in the list of callbacks for others. Step functions are
    traced again when the bits change.

    Args:
        phases: of weights: the epoch in which a phase begins, from 0 on -> its bits,
            1 to 8, or None for float weights. Without it weights have their own bits.
        activations: of activations: the same with 2 to 8 bits, or None for float
            activations. Without it they have their own bits.

    Raises:
        TypeError: when `phases` or `activations` is no mapping.
        ValueError: when neither is given, one is empty or does not begin at epoch 0,
            or epochs or bits are none.
        ValueError: in `fit`, when nothing is quantized, or the last phase has
            more bits than one of the model's variables or ranges of activations.

    Example:

    >>> callback = tfqd.callbacks.BitSchedule({0: 8, 3: 4, 6: 2})
    >>> both = tfqd.callbacks.BitSchedule({0: 8, 3: 4}, activations={0: 8, 2: 6, 4: 4})
    """

    def __init__(
        self,
        phases: Mapping[int, int | None] | None = None,
        *,
        activations: Mapping[int, int | None] | None = None,
    ):
        super().__init__()
        if phases is None and activations is None:
            raise ValueError("give phases of the weights, activations or both")
        self.phases = _checked("phases", phases, 1)
        self.activations = _checked("activations", activations, 2)
        self._unfinished: set[str] = set()  # weights at the end of epochs with other bits
        self._own: list[tuple[Phases, Mapping[str, int]]] = []  # own bits of what has phases
        self._epoch: int | None = None  # the last one that began
        self._has_warned = False

    def on_train_begin(self, logs=None):
        model = student_or_self(self.model)
        self._own = []
        if self.phases:
            own = {entry.path: entry.quantizer.spec.bits for entry in find_quantized(model)}
            if not own:
                raise ValueError(
                    f"model {self.model.name!r} has no quantized variables to schedule; give it "
                    "to tfqd.quantize_model, or put QuantizeWeights before BitSchedule"
                )
            _check_last(self.phases, own)
            self._own.append((self.phases, own))
        if self.activations:
            own = {layer.name: layer.quantizer.bits for layer in quantized_activations(model)}
            if not own:
                raise ValueError(
                    f"model {self.model.name!r} rounds no activations to schedule; give "
                    "tfqd.quantize_model activations=tfqd.Activations(...)"
                )
            _check_last(self.activations, own)
            self._own.append((self.activations, own))
        self._unfinished = set()
        self._epoch, self._has_warned = None, False
        epochs = (self.params or {}).get("epochs")
        if is_integer(epochs, 1):
            self._warn_of_early_end(epochs - 1)

    def on_train_end(self, logs=None):
        if self._epoch is not None:
            self._warn_of_early_end(self._epoch)
        after_all_callbacks(self.model, self._warn_of_unfinished_weights)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        model = student_or_self(self.model)
        if not has_its_own_bits(model):
            self._unfinished.add(weights_digest(model))
        entries = find_quantized(model) if self.phases else []
        ranges = quantized_activations(model) if self.activations else []
        scheduled: list[Any] = [*entries, *ranges]
        before = [each.bits for each in scheduled]
        for layer in ranges:
            layer.set_bits(self.activations[_begin(self.activations, epoch)])
        for entry in entries:
            begin = _begin(self.phases, epoch)
            entry.set_bits(self.phases[begin])
            if epoch == begin and self._comes_into_its_own(entry, begin):
                entry.initialize()
        if [each.bits for each in scheduled] != before:
            trace_again(self.model)

    def _warn_of_early_end(self, epoch: int) -> None:
        """Warns, once a fit, where one that ends with this epoch leaves other bits than its own."""
        for phases, own in self._own:
            bits, last = phases[_begin(phases, epoch)], max(phases)
            left = [name for name in own if _is_more(bits, own[name])]
            if left and not self._has_warned:
                self._has_warned = True
                warnings.warn(
                    f"a fit that ends with epoch {epoch}, before the phase from epoch {last}, "
                    f"leaves {left[0]} {'float' if bits is None else f'with {bits} bits'} instead "
                    f"of its own {own[left[0]]}, and so do files of the model; give fit at least "
                    f"{last + 1} epochs, or go on with initial_epoch={epoch + 1}",
                    stacklevel=2,
                )

    def _warn_of_unfinished_weights(self) -> None:
        model = student_or_self(self.model)
        if has_its_own_bits(model) and weights_digest(model) in self._unfinished:
            last = max([*self.phases, *self.activations])
            warnings.warn(
                "the weights that were put back at the end of training are those of an epoch "
                "with other bits than the model's own, for which they were not trained. "
                "EarlyStopping(restore_best_weights=True) takes only epochs of the last phase if "
                f"it has start_from_epoch={last}",
                stacklevel=2,
            )

    def _comes_into_its_own(self, entry: QuantizedVariable, begin: int) -> bool:
        """Whether the variable has its own bits from this phase on, and had others before."""
        if begin == 0:
            return False
        own = entry.quantizer.spec.bits
        before = self.phases[_begin(self.phases, begin - 1)]
        return entry.in_force is entry.quantizer and _is_more(before, own)


def _begin(phases: Phases, epoch: int) -> int:
    """The epoch in which the phase began that holds in an epoch."""
    return max(start for start in phases if start <= epoch)


def _is_more(bits: int | None, own: int) -> bool:
    """Whether a phase has other bits than something's own: more, or None for float."""
    return bits is None or bits > own


def _checked(name: str, phases: Any, least: int) -> Phases:
    """An argument's phases in order; none where it is None."""
    if phases is None:
        return {}
    if not isinstance(phases, Mapping):
        raise TypeError(
            f"{name} must be a mapping from epochs to bits, as {{0: 8, 3: 4}}; got {phases!r}"
        )
    for epoch, bits in phases.items():
        if not is_integer(epoch, 0):
            raise ValueError(f"epochs must be integers of 0 or more; got {epoch!r}")
        if bits is not None and not is_integer(bits, least, 8):
            raise ValueError(f"bits must be integers from {least} to 8, or None; got {bits!r}")
    if 0 not in phases:
        raise ValueError(f"the first phase must begin at epoch 0; got {dict(phases)}")
    return dict(sorted(phases.items()))


def _check_last(phases: Phases, own: Mapping[str, int]) -> None:
    """Raises ValueError where the last phase has more bits than something's own, by its name."""
    epoch, last = list(phases.items())[-1]
    for name, bits in own.items():
        if _is_more(last, bits):
            raise ValueError(
                f"training would end unfinished: the last phase, from epoch {epoch}, has "
                f"{last} bits, and {name} is to end with {bits}"
            )
