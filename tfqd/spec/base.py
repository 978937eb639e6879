"""What all specs have in common."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tfqd.spec.bucketing import LAYOUTS, Bucketing, BucketSize, checked_bucket_size
from tfqd.spec.checks import (
    check_choice,
    checked_bits,
    checked_bool,
    checked_optional_positive,
    is_positive,
)

SCALINGS = ("affine", "symmetric")
GRADIENT_SCALES = (None, "lsq")


def call_that_makes(spec: Any) -> str:
    """What makes a dataclass again: its bits, and the fields that are not as by default."""
    fields = [(field, getattr(spec, field.name)) for field in dataclasses.fields(spec)]
    told = [
        f"{field.name}={value!r}"
        for field, value in fields
        if field.name == "bits" or value != field.default
    ]
    return f"{type(spec).__name__}({', '.join(told)})"


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Spec:
    """What every method has in common: bits, buckets and scaling.

    Args:
        bits: bits per weight, 1 to 8.
        bucket_size: weights that share one scale; None for one bucket per
            tensor (layout ``flat``) or per output channel (``channel``). In layout
            ``tile`` a pair, (output channels, weights of each).
        layout: ``"flat"``, the paper's row-major buckets; ``"channel"``,
            buckets along the reduction axis of one output channel; or ``"tile"``,
            rectangles of the matrix of output channels by what each sums over,
            smaller at its edges.
        scaling: ``"affine"``, the paper's (w - min) / (max - min), or
            ``"symmetric"``, w / max|w|, which needs no offset and keeps 0 a
            level, as integer kernels want it.
        clip: None for the paper's straight-through gradient, the identity. A
            number c clips the weights to [-c, c] before they are quantized
            and passes no gradient to weights outside (Hubara et al. 2016).
        preserve_zeros: whether weights that are zero, as after pruning, stay
            zero, quantized and in training: 0 is on the grid or in the codebook,
            and zeros get no gradient. Needs symmetric scaling.
        freeze_above: None; or a frequency of oscillation, at most 1: a weight
            whose code goes to and fro more often keeps the code that it had on
            average, and gets no gradient from then on (iterative freezing, Nagel
            et al. 2022, arXiv 2203.11086); see `tfqd.quantizers.oscillation`.

    Numbers, True and False may be numpy's; they are kept as Python's.

    Raises:
        ValueError: for a field outside what is allowed.
    """

    bits: int = dataclasses.field(default=4, kw_only=False)
    bucket_size: BucketSize = 256
    layout: str = "flat"
    scaling: str = "affine"
    clip: float | None = None
    preserve_zeros: bool = False
    freeze_above: float | None = None

    # The method's name in files.
    kind: ClassVar[str]
    # Whether levels are trained by gradients, beside the weights.
    trains_levels: ClassVar[bool] = True

    def __post_init__(self):
        object.__setattr__(self, "bits", checked_bits(self.bits))
        check_choice("layout", self.layout, LAYOUTS)
        size = checked_bucket_size(self.bucket_size, self.layout)
        object.__setattr__(self, "bucket_size", size)
        check_choice("scaling", self.scaling, SCALINGS)
        object.__setattr__(self, "clip", checked_optional_positive("clip", self.clip))
        zeros = checked_bool("preserve_zeros", self.preserve_zeros)
        object.__setattr__(self, "preserve_zeros", zeros)
        self._check_zeros()
        if self.freeze_above is not None:
            object.__setattr__(self, "freeze_above", self._checked_frequency())

    def __repr__(self) -> str:
        return call_that_makes(self)

    def _checked_frequency(self) -> float:
        frequency = self.freeze_above
        if not is_positive(frequency) or frequency > 1:
            raise ValueError(
                f"freeze_above must be None or a number above 0 and at most 1; got {frequency!r}"
            )
        return float(frequency)

    def _check_zeros(self) -> None:
        if self.preserve_zeros and self.scaling != "symmetric":
            raise ValueError(
                "preserve_zeros=True needs scaling='symmetric', which maps 0 to 0; got "
                f"{self.scaling!r}"
            )
        if self.preserve_zeros and not self.has_zero:
            raise ValueError(
                f"preserve_zeros=True needs a grid with 0 on it: at least 2 bits; got {self.bits}"
            )

    @property
    def has_zero(self) -> bool:
        """Whether 0 can be a level, with symmetric scaling."""
        return self.bits > 1

    @property
    def on_integers(self) -> bool:
        """Whether levels are integers times a step."""
        return True

    @property
    def fits_integer_kernels(self) -> bool:
        """Whether kernels of integers take it: integers, and a scale a channel or one in all."""
        return self.on_integers and self.scaling == "symmetric" and self.bucket_size is None

    @property
    def levels(self) -> int:
        """k, the number of values that a scaled weight can take."""
        return 2**self.bits

    @property
    def nominal_bits(self) -> float:
        """Bits a weight by the spec alone: log2 of its levels."""
        return math.log2(self.levels)

    def bucketing(self, shape: Sequence[int], channel_axes: Sequence[int] = (-1,)) -> Bucketing:
        """The buckets of a tensor of `shape` under this spec."""
        return Bucketing(tuple(shape), self.bucket_size, self.layout, tuple(channel_axes))

    @property
    def numbers_per_bucket(self) -> int:
        """How many of scale and offset are stored of a bucket."""
        return 2 if self.scaling == "affine" else 1

    def point_bytes(self, bucketing: Bucketing) -> int:
        """Bytes of the points of a tensor in these buckets; 0 for a uniform grid."""
        return 0

    def with_bits(self, bits: int) -> "Spec":
        """The same method with all levels of `bits`.

        Raises:
            ValueError: when the other fields forbid them, as ``preserve_zeros`` does a single bit
                of levels without 0.
        """
        return dataclasses.replace(self, bits=bits)

    def can_have_bits(self, bits: int) -> bool:
        """Whether there is the same method of so many bits."""
        try:
            self.with_bits(bits)
        except ValueError:
            return False
        return True

    def with_nominal_bits(self, bits: float) -> "Spec | None":
        """The same method with about so many nominal bits; None where whole ones alone will do."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain JSON values; `from_dict` reads it back."""
        fields = dataclasses.asdict(self)
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}
        return {"kind": self.kind, **plain}

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> "Spec":
        """The spec that `to_dict` wrote; `tfqd.Spec` reads those of all methods.

        Raises:
            TypeError: when `config` is no mapping.
            ValueError: for an unknown kind, unknown or bad fields, or a spec of another class.
        """
        from tfqd.spec.kinds import from_dict  # Knows all methods, which are of this class.

        spec = from_dict(config)
        if not isinstance(spec, cls):
            raise ValueError(f"config must be that of a {cls.__name__}; got that of {spec!r}")
        return spec
