"""Selections that people mean when they name a recipe."""

from tfqd.selection import Selection
from tfqd.spec import Codebook, Uniform


def paper(bits: int, codebook: bool = False) -> Selection:
    """The paper's setting: every trainable tensor, row-major buckets of 256.

    Biases and normalization gains are quantized too, as in every experiment of
    arXiv 1802.05668; moving statistics stay float.

    Args:
        bits: bits per weight, 1 to 8.
        codebook: train the points alone, from the quantiles of frozen weights
            (Algorithm 2), instead of weights on the uniform grid (Algorithm 1).
    """
    buckets = {"bits": bits, "bucket_size": 256, "layout": "flat", "scaling": "affine"}
    if codebook:
        return {".*": Codebook(**buckets, train="points", init="quantile")}
    return {".*": Uniform(**buckets)}


def deployable(bits: int) -> Selection:
    """Kernels that integer kernels run exactly: symmetric, one scale a channel.

    Args:
        bits: bits per weight, 1 to 8.
    """
    return Uniform(bits=bits, bucket_size=None, layout="channel", scaling="symmetric")
