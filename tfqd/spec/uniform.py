"""Rounding to a uniform grid."""

import dataclasses
from typing import ClassVar

from tfqd.spec.base import Spec
from tfqd.spec.checks import check_choice

ROUNDINGS = ("deterministic", "stochastic")
SCALE_GRIDS = (None, "bfloat16")


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Uniform(Spec):
    """Uniform quantization on a grid (section 2.1 of arXiv 1802.05668).

    With affine scaling the grid is {0, 1/(k-1), ..., 1}, k = 2^bits. With
    symmetric scaling it is {-1, ..., -1/z, 0, 1/z, ..., 1}, z = 2^(bits-1) - 1:
    2^bits - 1 levels with 0 among them (at 1 bit: -1 and 1).

    Args:
        rounding: ``"deterministic"`` to the nearest level, or
            ``"stochastic"``: up or down at random such that the expectation is
            the weight, with fresh noise at every training step. Inference and
            `tfqd.compress` always round to the nearest level.
        scale_grid: ``"bfloat16"`` rounds the step of each bucket to what bfloat16
            holds, in training too, as integer kernels of buckets round it. Needs
            symmetric scaling.

    The remaining arguments are those of `Spec`.

    Example:

    >>> Uniform(bits=2, bucket_size=None).levels
    4
    """

    rounding: str = "deterministic"
    scale_grid: str | None = None

    kind: ClassVar[str] = "uniform"
    trains_levels: ClassVar[bool] = False

    def __post_init__(self):
        super().__post_init__()
        check_choice("rounding", self.rounding, ROUNDINGS)
        check_choice("scale_grid", self.scale_grid, SCALE_GRIDS)
        if self.scale_grid is not None and self.scaling != "symmetric":
            raise ValueError(
                f"scale_grid={self.scale_grid!r} needs scaling='symmetric'; got {self.scaling!r}"
            )
        if self.freeze_above is not None and self.rounding != "deterministic":
            raise ValueError(
                "freeze_above needs rounding='deterministic': stochastic rounding changes codes "
                "by itself"
            )

    @property
    def levels(self) -> int:
        return 2**self.bits - 1 if self.scaling == "symmetric" and self.bits > 1 else 2**self.bits


def uniform_like(spec: Spec, bits: int) -> Uniform:
    """A uniform grid of `bits` in the same buckets as `spec`, which freezes nothing."""
    names = [field.name for field in dataclasses.fields(Uniform) if hasattr(spec, field.name)]
    shared = {name: getattr(spec, name) for name in names}
    return Uniform(**{**shared, "bits": bits, "freeze_above": None})
