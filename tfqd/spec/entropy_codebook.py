"""Trained points whose codes are chosen with their length in view."""

import dataclasses
from typing import ClassVar

from tfqd.spec.bucketing import Bucketing
from tfqd.spec.checks import check_choice
from tfqd.spec.entropy_constrained import EntropyConstrained
from tfqd.spec.grid import POINT_BYTES

GRIDS = (None, "int8")
# The most bits whose integers, as points start at them, are different numbers of the grid.
_MOST_BITS_ON_INT8 = 7


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class EntropyCodebook(EntropyConstrained):
    """`EntropyConstrained` with levels that are trained, too: one table of points a tensor.

    Points p are in units of the trained step s. They start at the integers of
    `EntropyConstrained`, which they leave by the exact gradient of Eq. 6 of arXiv
    1802.05668; that of 0 stays there. Each weight w has the code c that makes

        (w / s - p(c))^2 + rate_weight * length(c),    length(c) = -log2 frequency(c),

    smallest among its two neighbours (Chou, Lookabaugh and Gray 1989). The weights'
    gradient is straight-through.

    Args:
        bits, average_bits, rate_weight: as of `EntropyConstrained`.
        grid: ``"int8"`` rounds the points to integers, 1 to 127 on either side of 0, times
            2^(bits - 7) steps, almost twice as far out as they start. It does so in training
            too (their gradient is straight-through), so that an integer kernel computes what
            was trained, and the archive stores a point in a byte. `bits` is at most 7 then.
        scaling: must be ``"symmetric"``.
        layout: ``"flat"`` or ``"channel"``.

    The remaining arguments are those of `LearnedStep`.

    Example:

    >>> quantized = tfqd.quantize_model(model, EntropyCodebook(average_bits=2))
    >>> [tensor.points.shape for tensor in tfqd.compress(quantized).quantized.values()]
    [(16,), (16,)]
    """

    grid: str | None = None

    kind: ClassVar[str] = "entropy_codebook"

    def __post_init__(self):
        super().__post_init__()
        check_choice("grid", self.grid, GRIDS)
        if self.bits > self.widest_code:
            raise ValueError(
                f"grid={self.grid!r} needs bits of at most {self.widest_code}, with which points "
                f"can start at different numbers of the grid; got bits={self.bits}"
            )
        if self.scaling != "symmetric":
            raise ValueError(
                "scaling must be 'symmetric': where points are trained an offset is one of them; "
                f"got {self.scaling!r}"
            )
        if self.layout == "tile":
            raise ValueError(
                "layout must be 'flat' or 'channel': one table of points serves the tensor, of a "
                "table a tile see tfqd.Codebook; got 'tile'"
            )

    @property
    def on_integers(self) -> bool:
        return self.grid is not None

    @property
    def point_unit(self) -> float:
        """What the points of files are multiples of, in steps: a power of two."""
        return 1.0 if self.grid is None else 2.0 ** (self.bits - _MOST_BITS_ON_INT8)

    @property
    def widest_code(self) -> int:
        return super().widest_code if self.grid is None else _MOST_BITS_ON_INT8

    def point_bytes(self, bucketing: Bucketing) -> int:
        return self.levels * POINT_BYTES[self.grid]
