"""Moving weights to the nearest of some points."""

import dataclasses
from typing import ClassVar

from tfqd.spec.base import Spec, check_choice

INITS = ("quantile", "uniform")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Codebook(Spec):
    """Nearest-point quantization with 2^bits trained points per tensor.

    The points live in the scaled domain and receive the exact gradient of
    Eq. 6 of arXiv 1802.05668; the weights receive the straight-through one.

    Args:
        init: where the points start: ``"quantile"``, at the quantiles of the
            scaled weights (the paper's heuristic), or ``"uniform"``, evenly
            spaced over the scaled range.

    The remaining arguments are those of `Spec`.
    """

    init: str = "quantile"

    kind: ClassVar[str] = "codebook"

    def __post_init__(self):
        super().__post_init__()
        check_choice("init", self.init, INITS)
