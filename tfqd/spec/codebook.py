"""Moving weights to the nearest of some points."""

import dataclasses
from typing import ClassVar

from tfqd.spec.base import GRADIENT_SCALES, Spec, check_choice, checked_positive

TRAINED = ("both", "points", "weights")
INITS = ("quantile", "uniform")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Codebook(Spec):
    """Nearest-point quantization with 2^bits trained points per tensor.

    The points live in the scaled domain and receive the exact gradient of
    Eq. 6 of arXiv 1802.05668; the weights receive the straight-through one.

    Args:
        train: ``"both"``, points and weights together; ``"points"``, Algorithm 2
            of the paper: the weights are frozen, and so scales and offsets stay
            what they were; or ``"weights"``, the points stay where they start.
        init: where the points start: ``"quantile"``, at the quantiles of the
            scaled weights (the paper's heuristic), or ``"uniform"``, evenly
            spaced over the scaled range.
        gradient_scale: None leaves the points' gradient as it is, a sum over
            their weights, as the paper does; ``"lsq"`` multiplies it by
            1 / sqrt(N k), with N weights and k points, so that one learning
            rate serves tensors of all sizes.
        learning_rate_multiplier: how many times faster than the weights the
            points learn, whatever the optimizer.

    The remaining arguments are those of `Spec`.
    """

    train: str = "both"
    init: str = "quantile"
    gradient_scale: str | None = None
    learning_rate_multiplier: float = 1.0

    kind: ClassVar[str] = "codebook"

    def __post_init__(self):
        super().__post_init__()
        check_choice("train", self.train, TRAINED)
        check_choice("init", self.init, INITS)
        check_choice("gradient_scale", self.gradient_scale, GRADIENT_SCALES)
        multiplier = checked_positive("learning_rate_multiplier", self.learning_rate_multiplier)
        object.__setattr__(self, "learning_rate_multiplier", multiplier)
