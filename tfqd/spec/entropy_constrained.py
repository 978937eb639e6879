"""A uniform grid whose codes are chosen with their length in view."""

import dataclasses
import math
from typing import ClassVar

from tfqd.spec.checks import MOST_BITS, checked_not_negative, is_positive
from tfqd.spec.learned_step import LearnedStep


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class EntropyConstrained(LearnedStep):
    """A trained step, and codes that are cheap to store (Chou, Lookabaugh and Gray 1989).

    More levels than the wanted bits have room for, each weight w at the level c that
    makes

        (w / s - c)^2 + rate_weight * length(c),    length(c) = -log2 frequency(c),

    smallest among its two neighbours, in training and ever after. Lengths are counted by
    the frequencies of the tensor's codes where training starts. What entropy coding makes
    of the codes, in the archive or by gzip, is `average_bits` a weight at the start;
    afterwards it is what training makes of it, or what `tfqd.callbacks.ByteBudget` keeps
    it at.

    Args:
        average_bits: bits a weight, after entropy coding, that the steps start with;
            above 0 and at most `bits`. Where the levels are too few for them, steps
            start with the largest weight on the last level.
        bits: of the code as kernels of integers take it: 2^bits levels; at least 2.
        rate_weight: what a bit of length counts, in squares of the step; 0 for the
            nearest level. On fine grids ln 2 / 6 = 0.12 is what trades error for length
            as the step does (`docs/method.md`); more makes finer steps and more zeros
            of the same bytes.

    The remaining arguments are those of `LearnedStep`.

    Example:

    >>> EntropyConstrained(average_bits=2.0).levels
    16
    """

    average_bits: float = 2.0
    rate_weight: float = 0.15

    kind: ClassVar[str] = "entropy_constrained"

    def __post_init__(self):
        super().__post_init__()
        if self.bits < 2:
            raise ValueError(
                "bits must be an integer from 2 to 8: of the two levels of 1 bit none is 0, where "
                "codes become short; tfqd.LearnedStep(bits=1) takes 1 bit a weight; got "
                f"{self.bits!r}"
            )
        if not is_positive(self.average_bits) or self.average_bits > self.bits:
            raise ValueError(
                f"average_bits must be a number above 0 and at most bits, which is {self.bits}; "
                f"got {self.average_bits!r}"
            )
        object.__setattr__(self, "average_bits", float(self.average_bits))
        weight = checked_not_negative("rate_weight", self.rate_weight)
        object.__setattr__(self, "rate_weight", weight)

    @property
    def nominal_bits(self) -> float:
        return self.average_bits

    @property
    def widest_code(self) -> int:
        """The most bits that a code can have."""
        return MOST_BITS

    def with_bits(self, bits: int) -> "EntropyConstrained":
        """The same method with `bits` a weight after entropy coding."""
        return self._with_average(bits)

    def with_nominal_bits(self, bits: float) -> "EntropyConstrained | None":
        return self._with_average(bits) if 0 < bits <= self.widest_code else None

    def _with_average(self, bits: float) -> "EntropyConstrained":
        width = min(self.widest_code, max(self.bits, math.ceil(bits) + 2))
        return dataclasses.replace(self, average_bits=bits, bits=width)
