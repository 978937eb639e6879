"""What to do with a weight tensor: one frozen dataclass per method.

A spec says how a tensor is represented and trained; it holds no tensor, knows
no layer and can be written to JSON (`to_dict`, `from_dict`). Which variable
gets which spec is the business of `tfqd.selection`.
"""

import dataclasses
import math
import numbers
from collections.abc import Mapping
from typing import Any, ClassVar

from tfqd.bucketing import Bucketing, check_layout, checked_bucket_size, is_integer

SCALINGS = ("affine", "symmetric")
ROUNDINGS = ("deterministic", "stochastic")
INITS = ("quantile", "uniform")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spec:
    """What every method has in common: bits, buckets and scaling.

    Args:
        bits: bits per weight, 1 to 8.
        bucket_size: weights that share one scale; None for one bucket per
            tensor (layout ``flat``) or per output channel (``channel``).
        layout: ``"flat"``, the paper's row-major buckets, or ``"channel"``,
            buckets along the reduction axis of one output channel.
        scaling: ``"affine"``, the paper's (w - min) / (max - min), or
            ``"symmetric"``, w / max|w|, which needs no offset and keeps 0 a
            level, as integer kernels want it.
        clip: None for the paper's straight-through gradient, the identity. A
            number c clips the weights to [-c, c] before they are quantized
            and passes no gradient to weights outside (Hubara et al. 2016).

    Numbers may be numpy's; they are kept as Python's.

    Raises:
        ValueError: for a field outside what is allowed.
    """

    bits: int = 4
    bucket_size: int | None = 256
    layout: str = "flat"
    scaling: str = "affine"
    clip: float | None = None

    kind: ClassVar[str]

    def __post_init__(self):
        object.__setattr__(self, "bits", _checked_bits(self.bits))
        object.__setattr__(self, "bucket_size", checked_bucket_size(self.bucket_size))
        check_layout(self.layout)
        _check_choice("scaling", self.scaling, SCALINGS)
        object.__setattr__(self, "clip", _checked_clip(self.clip))

    @property
    def levels(self) -> int:
        """k, the number of values that a scaled weight can take."""
        return 2**self.bits

    def bucketing(self, shape, channel_axes=(-1,)) -> Bucketing:
        """The buckets of a tensor of `shape` under this spec."""
        return Bucketing(tuple(shape), self.bucket_size, self.layout, tuple(channel_axes))

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain JSON values; `from_dict` reads it back."""
        return {"kind": self.kind, **dataclasses.asdict(self)}


@dataclasses.dataclass(frozen=True, kw_only=True)
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

    The remaining arguments are those of `Spec`.

    Example:

    >>> Uniform(bits=2, bucket_size=None).levels
    4
    """

    rounding: str = "deterministic"

    kind: ClassVar[str] = "uniform"

    def __post_init__(self):
        super().__post_init__()
        _check_choice("rounding", self.rounding, ROUNDINGS)

    @property
    def levels(self) -> int:
        return 2**self.bits - 1 if self.scaling == "symmetric" and self.bits > 1 else 2**self.bits


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
        _check_choice("init", self.init, INITS)


def uniform_like(spec: Spec, bits: int) -> Uniform:
    """A uniform grid of `bits` in the same buckets as `spec`."""
    if isinstance(spec, Uniform):
        return dataclasses.replace(spec, bits=bits)
    shared = {field.name: getattr(spec, field.name) for field in dataclasses.fields(Spec)}
    return Uniform(**{**shared, "bits": bits})


_KINDS = {cls.kind: cls for cls in (Uniform, Codebook)}


def from_dict(config: Mapping[str, Any]) -> Spec:
    """The spec that `Spec.to_dict` wrote.

    Raises:
        TypeError: when `config` is no mapping.
        ValueError: for an unknown kind or unknown or bad fields.
    """
    if not isinstance(config, Mapping):
        raise TypeError(f"a spec's config must be a dict; got {config!r}")
    fields = dict(config)
    kind = fields.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"a spec's kind must be one of {sorted(_KINDS)}; got {kind!r}")
    try:
        return _KINDS[kind](**fields)
    except TypeError as error:
        raise ValueError(f"not a {kind} spec: {config}") from error


def _checked_bits(bits) -> int:
    if not is_integer(bits) or not 1 <= bits <= 8:
        raise ValueError(f"bits must be an integer from 1 to 8; got {bits!r}")
    return int(bits)


def _check_choice(name: str, value, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}; got {value!r}")


def _checked_clip(clip) -> float | None:
    if clip is None:
        return None
    if isinstance(clip, bool) or not isinstance(clip, numbers.Real) or not 0 < clip < math.inf:
        raise ValueError(f"clip must be None or a positive finite number; got {clip!r}")
    return float(clip)
