"""What to do with activations: how many bits, and where the ends of their ranges come from."""

import dataclasses
from typing import Any

from tfqd.spec.base import SCALINGS, call_that_makes
from tfqd.spec.checks import check_choice, checked_bool, is_integer, is_number

RANGES = ("trained", "moving", "fixed")
STARTS = ("mse", "minmax", "percentile")
WITHOUT_KERNEL = ("refused", "float")
# The bits of INT16, the only ones above 8 that kernels know.
WIDE_BITS = 16


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Activations:
    """Activations on grids of integers, as kernels of integers compute with them.

    Every tensor between two operators of the file has one range. 0 is on its grid.

    Args:
        bits: of what comes out of a ReLU, 2 to 8. Kernels clip at the ends of
            8 bits and where a ReLU does, so that fewer bits cost no operator there.
            Or 16, of all tensors: INT16 activations, which kernels multiply by INT8
            weights.
        signed_bits: of tensors that no ReLU clips, 2 to 8, but of inputs and
            outputs of the model, which have 8. Fewer cost a MAXIMUM operator behind
            each such tensor, which clips the lower end. With 16 `bits` it is 16.
        ranges: ``"trained"`` moves the ends by their gradients (LSQ+, Bhalgat et
            al. 2020, arXiv 2004.09576); ``"moving"`` follows the smallest and
            largest values of the training batches by a moving average;
            ``"fixed"`` leaves the ends where `tfqd.calibrate` put them.
        start: where `tfqd.calibrate` puts the ends: ``"mse"`` where the squared
            error is smallest, ``"minmax"`` at the smallest and largest value,
            ``"percentile"`` at what `percentile` says.
        percentile: per cent of the values that lie below the upper end, and
            above the lower one, for that start; more than 50, at most 100.
        scaling: ``"affine"``, or ``"symmetric"``: -128 to 127 about a zero point
            of 0, for accelerators that know no other; 8 bits alone. 16 bits are
            symmetric whatever it is: kernels of INT16 know no zero point.
        take_apart: whether attention and unrolled recurrent layers become the products,
            sums and activations that they are made of, which have kernels of integers.
        without_kernel: what becomes of layers that have no kernel of integers,
            such as LayerNormalization: ``"refused"`` when the
            model is quantized, or ``"float"``, inside, between inputs and
            outputs that are rounded.

    Numbers may be numpy's; they are kept as Python's.

    Raises:
        ValueError: for a field outside what is allowed.

    Example:

    >>> spec = tfqd.Activations(bits=4)
    >>> spec.ranges, spec.without_kernel
    ('trained', 'refused')
    """

    bits: int = dataclasses.field(default=8, kw_only=False)
    signed_bits: int = 8
    ranges: str = "trained"
    start: str = "mse"
    percentile: float = 99.99
    scaling: str = "affine"
    take_apart: bool = True
    without_kernel: str = "refused"

    def __post_init__(self):
        wide = is_integer(self.bits, WIDE_BITS, WIDE_BITS)
        for name, or_wide in (("bits", ", or 16"), ("signed_bits", "")):
            bits = getattr(self, name)
            if not is_integer(bits, 2, 8) and not (wide and bits == WIDE_BITS):
                raise ValueError(f"{name} must be an integer from 2 to 8{or_wide}; got {bits!r}")
            object.__setattr__(self, name, int(bits))
        check_choice("ranges", self.ranges, RANGES)
        check_choice("start", self.start, STARTS)
        if not is_number(self.percentile, 50, 100) or self.percentile == 50:
            raise ValueError(
                f"percentile must be a number above 50 and at most 100; got {self.percentile!r}"
            )
        object.__setattr__(self, "percentile", float(self.percentile))
        check_choice("scaling", self.scaling, SCALINGS)
        object.__setattr__(self, "take_apart", checked_bool("take_apart", self.take_apart))
        check_choice("without_kernel", self.without_kernel, WITHOUT_KERNEL)
        if wide:
            object.__setattr__(self, "scaling", "symmetric")
        fewest = min(self.bits, self.signed_bits)
        if self.scaling == "symmetric" and fewest < 8:
            raise ValueError(f"scaling='symmetric' needs 8 bits throughout; got {fewest}")
        if wide:
            object.__setattr__(self, "signed_bits", WIDE_BITS)

    def __repr__(self) -> str:
        return call_that_makes(self)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values; ``Activations(**config)`` reads them back."""
        return dataclasses.asdict(self)
