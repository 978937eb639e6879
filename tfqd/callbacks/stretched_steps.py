"""The steps of a model, stretched by one factor until its file takes what it may."""

import dataclasses
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tfqd.callbacks.bisection import bisect, bracket
from tfqd.callbacks.priced_variable import PricedVariable
from tfqd.compressed import CompressedModel, QuantizedTensor
from tfqd.compressed.records import payload_bytes
from tfqd.spec import EntropyConstrained
from tfqd.wrapping import compress
from tfqd.wrapping.quantized import find_quantized

# Where this share of the room for priced codes is taken, a file is left as it is; the other is
# searched for.
_GOOD, _AIM = 0.99, 0.995
_FEW = 32
# The first factors that steps are stretched by: e to this.
_STRETCH = 0.25
_ROUNDS = 6


class StretchedSteps:
    """The steps of a model's `tfqd.EntropyConstrained` weights, and the bytes of its archive.

    priced: the quantized variables whose steps these are; those of frozen layers stay.
    size: bytes of the archive when it was last measured.
    estimated_bytes: what the entropy of the priced codes said of it when `keep` was last called,
        before steps were stretched.
    aimed_bits: what the priced codes may take; known once `keep` was called.
    is_usable: whether the levels of the specs can use the budget; likewise.

    No step is made shorter than with the largest weight of its tensor on the last level:
    beyond that codes take more bytes, and say less of the weights.

    Args:
        model: a quantized model of Keras 3 or tf_keras.
        budget: bytes of the archive.
        file_size: gives the bytes of the archive of a compressed model.

    Raises:
        ValueError: when no trained weight is `tfqd.EntropyConstrained`, or no file can be as
            small.
    """

    def __init__(self, model: Any, budget: int, file_size: Callable[[CompressedModel], int]):
        self._model = model
        self._budget = budget
        self._file_size = file_size
        self._has_warned = False
        self._tables = 0.0  # Bytes of the priced codes beside their entropy.
        entries = find_quantized(model)
        weighing = [e for e in entries if isinstance(e.quantizer.spec, EntropyConstrained)]
        if not weighing:
            raise ValueError(
                f"model {model.name!r} has no weights whose code length counts; give "
                "tfqd.quantize_model a tfqd.EntropyConstrained"
            )
        trained = {id(variable) for variable in model.trainable_variables}
        self.priced = [PricedVariable(e) for e in weighing if id(e.state["step"]) in trained]
        if not self.priced:
            raise ValueError(
                f"all tfqd.EntropyConstrained weights of model {model.name!r} are frozen, and keep "
                "their bytes; set trainable of a layer to True"
            )
        self._measure()
        # Else it is seen once the model's own bits are back.
        if not self.is_suspended and (least := self._least()) > budget:
            raise self._refusal(least)

    @property
    def is_suspended(self) -> bool:
        """Whether a schedule trains with other bits for now."""
        return any(each.entry.in_force is not each.entry.quantizer for each in self.priced)

    @property
    def weights(self) -> int:
        """Number of weights that have these steps."""
        return sum(each.entry.size for each in self.priced)

    def coded_bits(self) -> float:
        """Bits of the priced codes, as they are now."""
        return sum(each.coded_bits() for each in self.priced)

    def stretch(self, factor: float, settle: bool) -> None:
        """Makes all steps `factor` times as long, or as short as they may be.

        See `PricedVariable.stretch_steps` and `PricedVariable.shortest_stretch`.
        """
        for each in self.priced:
            own = factor if factor >= 1 else max(factor, each.shortest_stretch())
            each.stretch_steps(own, settle)

    def keep(self, settle: bool) -> None:
        """Stretches steps until the file is within the budget and, if levels can, fills it.

        Args:
            settle: whether lengths of codes are counted anew.

        Raises:
            ValueError: when no file can be as small; the steps are then as they were.
        """
        self._measure()
        self.estimated_bytes = round(self._estimate(self.coded_bits()) + self._tables)
        before, spare = self._held(), 0
        self.is_usable = True
        for _ in range(_ROUNDS):
            if 0 <= self._spare <= self._left_as_it_is():
                break
            was_over = self._spare < 0
            self.is_usable = self._search(self._room - spare, settle)
            self._measure()
            if not self.is_usable and (was_over or self._spare >= 0):
                break
            spare += max(0, -self._spare)
        if self._spare < 0:
            self._put(before)
            raise self._refusal(self._least())
        if not self.is_usable:
            self._warn()
        bits = self.coded_bits()
        self.aimed_bits = max(bits + 8 * self._missing(_AIM), 1.0)
        self._tables = self.size - self._estimate(bits)

    def _search(self, aim: int, settle: bool) -> bool:
        """Stretches all steps by one factor, until the priced codes take what they may.

        Args:
            aim: bytes for the priced codes.
            settle: as `keep` takes it.

        Returns:
            Whether there is such a factor. If not, the steps are the shortest that may be or,
            where even the longest take more, those.
        """
        start = self._held()
        shortest = math.log(min(each.shortest_stretch() for each in self.priced))

        def bytes_at(logarithm: float) -> int:
            self._put(start)
            if settle or logarithm:
                self.stretch(math.exp(logarithm), settle)
            return self._bytes_of_codes()

        ends = bracket(bytes_at, aim, _STRETCH, shortest)
        if ends is not None:
            bytes_at(bisect(bytes_at, aim, *ends, aim - (1 - _AIM) * self._room))
        return ends is not None

    def _warn(self) -> None:
        """Says once that the budget is not used up, and what would."""
        if self._has_warned:
            return
        self._has_warned = True
        bits = self._enough_bits()
        more = f"{self._most_bits}, the most, do not either" if bits is None else f"{bits} do"
        warnings.warn(
            f"{self._budget:,} bytes are more than the levels of the specs can use, which take "
            f"{self.size:,} now; as bits of tfqd.EntropyConstrained {more}",
            stacklevel=2,
        )

    def _enough_bits(self) -> int | None:
        """How many bits a code would use the budget; None where no number does."""
        wanted = self.coded_bits() + 8 * self._missing(_GOOD)
        own = [each.entry.quantizer.spec.bits for each in self.priced]
        for bits in range(min(own) + 1, self._most_bits + 1):
            more = zip(self.priced, own, strict=True)
            if sum(each.most_bits(max(bits, least)) for each, least in more) >= wanted:
                return bits
        return None

    @property
    def _most_bits(self) -> int:
        """How many bits a code can have, of one spec or another."""
        return max(each.widest_code for each in self.priced)

    def _held(self) -> list[dict[str, np.ndarray]]:
        return [each.held_steps() for each in self.priced]

    def _put(self, held: list[dict[str, np.ndarray]]) -> None:
        for each, values in zip(self.priced, held, strict=True):
            each.put_steps(values)

    def _least(self) -> int:
        """Bytes of the smallest file that longer steps can lead to."""
        least = sum(_least_bytes(each.entry.encode()) for each in self.priced)
        return self._budget - self._room + least

    def _estimate(self, bits: float) -> float:
        """Bytes of the file if the priced codes took so many bits."""
        return self._least() + bits / 8

    def _refusal(self, least: int) -> ValueError:
        return ValueError(
            "the smallest file, in which all trained weights of tfqd.EntropyConstrained are 0, "
            f"takes {least:,} bytes, more than the budget of {self._budget:,}"
        )

    def _measure(self) -> None:
        """Notes the bytes of the file, what is left of the budget, and what priced codes may take.

        Where the file is mostly something else, that room is a small part of it.
        """
        self.size = self._file_size(compress(self._model))
        self._spare = self._budget - self.size
        self._room = self._bytes_of_codes() + self._spare

    def _left_as_it_is(self) -> float:
        """Bytes that a file may have to spare: some of the room or, of a small one, a few."""
        share = 1 - _GOOD
        return max(share * self._room, min(share * self._budget, _FEW))

    def _missing(self, share: float) -> float:
        """Bytes by which priced codes take less than this share of their room."""
        return self._spare - (1 - share) * self._room

    def _bytes_of_codes(self) -> int:
        """Bytes of the priced tensors in the archive."""
        tensors = (each.entry.encode() for each in self.priced)
        return sum(payload_bytes(tensor) for tensor in tensors if tensor is not None)


def _least_bytes(tensor: QuantizedTensor | None) -> int:
    """Bytes of the tensor when all its codes are the same."""
    if tensor is None:
        return 0
    return payload_bytes(dataclasses.replace(tensor, codes=np.zeros_like(tensor.codes)))
