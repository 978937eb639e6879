"""Selections that people mean when they name a recipe."""

from tfqd.spec import Codebook, Spec, Uniform
from tfqd.spec.checks import checked_bool, is_integer
from tfqd.spec.grid import LARGEST_INTEGER
from tfqd.spec.selection import Selection

__all__ = ["deployable", "even", "lut_b", "paper"]


def __dir__() -> list[str]:
    """What users may call."""
    return [*__all__]


def paper(bits: int, *, codebook: bool = False) -> Selection:
    """The paper's setting: every trainable tensor, row-major buckets of 256.

    Biases and normalization gains are quantized too, as in every experiment of
    arXiv 1802.05668; moving statistics stay float.

    Args:
        bits: bits per weight, 1 to 8.
        codebook: train the points alone, from the quantiles of frozen weights
            (Algorithm 2), instead of weights on the uniform grid (Algorithm 1).

    Example:

    >>> paper(4)
    {'.*': Uniform(bits=4)}
    >>> quantized = tfqd.quantize_model(model, paper(2, codebook=True))
    """
    spec: Spec = Uniform(bits=bits, bucket_size=256, layout="flat", scaling="affine")
    if checked_bool("codebook", codebook):
        spec = Codebook(
            bits=bits,
            bucket_size=256,
            layout="flat",
            scaling="affine",
            train="points",
            init="quantile",
        )
    return {".*": spec}


def deployable(bits: int, *, bucket_size: int | None = None) -> Selection:
    """Kernels that integer kernels run exactly: symmetric, one scale a channel.

    Args:
        bits: bits per weight, 1 to 8.
        bucket_size: None for one scale a channel; a multiple of 32 for buckets of
            so many weights, with scales that kernels hold exactly.

    Example:

    >>> quantized = tfqd.quantize_model(model, deployable(4))
    >>> {tensor.bucketing.layout for tensor in tfqd.compress(quantized).quantized.values()}
    {'channel'}
    """
    return Uniform(
        bits=bits,
        bucket_size=bucket_size,
        layout="channel",
        scaling="symmetric",
        scale_grid=None if bucket_size is None else "bfloat16",
    )


def even(levels: int, *, layout: str = "flat") -> Selection:
    """A learned step with as many levels below 0 as above: 2 binary, 3 ternary, 4 at 2 bits.

    Of the integers that `tfqd.LearnedStep` has at 2 bits, -2 to 1, the lowest has no partner;
    here they are -3/2, -1/2, 1/2 and 3/2 steps, which made better students, in somewhat larger
    files (`docs/choosing.md`). An even number of levels has no 0.
    The levels are integers, as TFLite files take them.

    Args:
        levels: how many, 2 to 255.
        layout: ``"flat"`` for one step a tensor, ``"channel"`` for one an output channel.

    Example:

    >>> quantized = tfqd.quantize_model(model, even(3))
    >>> [tensor.levels for tensor in tfqd.compress(quantized).quantized.values()]
    [3, 3]
    """
    if not is_integer(levels, 2, 255):
        raise ValueError(f"levels must be an integer from 2 to 255; got {levels!r}")
    falls_on_int4 = 2 * LARGEST_INTEGER["int4"] % (levels - 1) == 0
    return Codebook(
        bits=(levels - 1).bit_length(),
        points=levels,
        bucket_size=None,
        layout=layout,
        scaling="symmetric",
        scale="learned",
        train="weights",
        init="uniform",
        grid="int4" if falls_on_int4 else "int8",
        gradient_scale="lsq",
    )


def lut_b() -> Selection:
    """What LUT-B holds: 3-bit codes, and 8 points in FP8 E4M3 for each 8 x 64 weights.

    Tiles are of 8 output channels and 64 of the weights that each sums over. There are
    no scales: 200 bytes for 512 weights, 3.125 bits each.

    Example:

    >>> quantized = tfqd.quantize_model(model, lut_b())
    >>> [tensor.levels for tensor in tfqd.compress(quantized).quantized.values()]
    [8, 8]
    """
    return Codebook(
        bits=3,
        bucket_size=(8, 64),
        layout="tile",
        scaling="symmetric",
        scale=None,
        grid="e4m3",
        init="kmeans",
    )
