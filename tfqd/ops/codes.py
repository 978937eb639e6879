"""What the ops give to be stored."""

from typing import NamedTuple

import tensorflow as tf


class Codes(NamedTuple):
    """A quantized tensor as it is stored; `tfqd.QuantizedTensor` decodes it.

    codes: uint8, the tensor's shape.
    scale: float32 [buckets], alpha; with points on a grid, alpha over its steps.
    offset: float32 [buckets], beta; None with symmetric scaling.
    points: float32 [k] or [codebooks, k], ascending; None for a uniform grid.
    channels_per_codebook: output channels that share a codebook; None where there is
        but one.
    """

    codes: tf.Tensor
    scale: tf.Tensor
    offset: tf.Tensor | None
    points: tf.Tensor | None = None
    channels_per_codebook: int | None = None
