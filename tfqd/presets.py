"""Selections that people mean when they name a recipe."""

from tfqd.selection import Selection
from tfqd.spec import Codebook, Uniform


def paper(bits: int, codebook: bool = False) -> Selection:
    """The paper's setting: every trainable tensor, row-major buckets of 256.

    Biases and normalization gains are quantized too, as in every experiment of
    arXiv 1802.05668; moving statistics stay float.

    Args:
        bits: bits per weight, 1 to 8.
        codebook: train the points (Algorithm 2) instead of keeping the uniform
            grid (Algorithm 1).
    """
    method = Codebook if codebook else Uniform
    return {".*": method(bits=bits, bucket_size=256, layout="flat", scaling="affine")}


def deployable(bits: int) -> Selection:
    """Kernels that integer kernels run exactly: symmetric, one scale a channel.

    Args:
        bits: bits per weight, 1 to 8.
    """
    return Uniform(bits=bits, bucket_size=None, layout="channel", scaling="symmetric")
