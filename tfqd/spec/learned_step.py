"""A uniform grid whose step is trained."""

import dataclasses
from typing import ClassVar

from tfqd.spec.base import GRADIENT_SCALES, Spec
from tfqd.spec.bucketing import BucketSize
from tfqd.spec.checks import check_choice, checked_positive


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class LearnedStep(Spec):
    """Uniform quantization with a trained step s (LSQ, Esser et al. 2020).

    With symmetric scaling the grid is s {-2^(b-1), ..., 2^(b-1) - 1}, the
    integers of b bits, 0 among them (at 1 bit: -s/2 and s/2). With affine
    scaling it is beta + s {0, ..., 2^b - 1} with a trained offset beta (LSQ+,
    Bhalgat et al. 2020). Weights beyond the ends are clipped to them and get no
    gradient; step and offset get theirs, through which the range is found.

    Args:
        bucket_size: weights that share one step; None, LSQ's choice, for one
            step per tensor (layout ``flat``) or per output channel
            (``channel``).
        gradient_scale: ``"lsq"`` multiplies the gradient of a step of N weights
            by 1 / sqrt(N Q), Q its largest integer, as the paper does, so that
            steps move at about the pace of weights; None does not.
        learning_rate_multiplier: how many times faster than the weights the
            steps and offsets learn, whatever the optimizer.
        clip: must be None; the grid's ends clip.

    The remaining arguments are those of `Spec`.

    Example:

    >>> LearnedStep(bits=4, layout="channel")
    LearnedStep(bits=4, layout='channel')
    >>> quantized = tfqd.quantize_model(model, LearnedStep(bits=4))
    >>> quantized.compile("adam", "mse")  # `fit` then trains the steps and the weights
    """

    bucket_size: BucketSize = None
    scaling: str = "symmetric"
    gradient_scale: str | None = "lsq"
    learning_rate_multiplier: float = 1.0

    kind: ClassVar[str] = "learned_step"

    def __post_init__(self):
        super().__post_init__()
        if self.clip is not None:
            raise ValueError(
                f"clip must be None: the learned grid clips by itself; got {self.clip}"
            )
        check_choice("gradient_scale", self.gradient_scale, GRADIENT_SCALES)
        multiplier = checked_positive("learning_rate_multiplier", self.learning_rate_multiplier)
        object.__setattr__(self, "learning_rate_multiplier", multiplier)
