"""Bits, or points, where they matter.

`allocate_points` is the paper's rule (`redistribute_points`); `allocate_bits`
keeps a file to a budget of bytes. Both give an `Allocation`, a mapping for
`tfqd.quantize_model`. `sensitive_points` places a codebook's points where errors
cost least.
"""

from tfqd.allocation.allocation import Allocation as Allocation
from tfqd.allocation.allocation import Share as Share
from tfqd.allocation.bits import OverBudget as OverBudget
from tfqd.allocation.bits import allocate_bits as allocate_bits
from tfqd.allocation.points import allocate_points as allocate_points
from tfqd.allocation.points import redistribute_points as redistribute_points
from tfqd.allocation.sensitivity import sensitive_points as sensitive_points

__all__ = [
    "Allocation",
    "OverBudget",
    "Share",
    "allocate_bits",
    "allocate_points",
    "redistribute_points",
    "sensitive_points",
]


def __dir__() -> list[str]:
    """What users may call."""
    return [*__all__]
