"""Trained points whose codes are chosen with their length in view."""

import dataclasses
from typing import ClassVar

from tfqd.spec.bucketing import Bucketing
from tfqd.spec.entropy_constrained import EntropyConstrained
from tfqd.spec.grid import POINT_BYTES


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
        scaling: must be ``"symmetric"``.
        layout: ``"flat"`` or ``"channel"``.

    The remaining arguments are those of `LearnedStep`.

    Example:

    >>> quantized = tfqd.quantize_model(model, EntropyCodebook(average_bits=2))
    >>> [tensor.points.shape for tensor in tfqd.compress(quantized).quantized.values()]
    [(16,), (16,)]
    """

    kind: ClassVar[str] = "entropy_codebook"

    def __post_init__(self):
        super().__post_init__()
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
        return False

    def point_bytes(self, bucketing: Bucketing) -> int:
        return self.levels * POINT_BYTES[None]
