"""Selections that people mean when they name a recipe."""

from tfqd.spec import Codebook, Spec, Uniform
from tfqd.spec.selection import Selection


def paper(bits: int, codebook: bool = False) -> Selection:
    """The paper's setting: every trainable tensor, row-major buckets of 256.

    Biases and normalization gains are quantized too, as in every experiment of
    arXiv 1802.05668; moving statistics stay float.

    Args:
        bits: bits per weight, 1 to 8.
        codebook: train the points alone, from the quantiles of frozen weights
            (Algorithm 2), instead of weights on the uniform grid (Algorithm 1).
    """
    spec: Spec = Uniform(bits=bits, bucket_size=256, layout="flat", scaling="affine")
    if codebook:
        spec = Codebook(
            bits=bits,
            bucket_size=256,
            layout="flat",
            scaling="affine",
            train="points",
            init="quantile",
        )
    return {".*": spec}


def deployable(bits: int, bucket_size: int | None = None) -> Selection:
    """Kernels that integer kernels run exactly: symmetric, one scale a channel.

    Args:
        bits: bits per weight, 1 to 8.
        bucket_size: None for one scale a channel; a multiple of 32 for buckets of
            so many weights, with scales that kernels hold exactly.
    """
    return Uniform(
        bits=bits,
        bucket_size=bucket_size,
        layout="channel",
        scaling="symmetric",
        scale_grid=None if bucket_size is None else "bfloat16",
    )
