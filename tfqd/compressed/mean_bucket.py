"""Levels and weights of a tensor on one axis, whatever the scales of their buckets.

Each bucket has a scale and perhaps an offset of its own, so one level stands for as many
values as there are buckets. The *mean bucket* has the means of all scales and offsets; a
weight is shown where it would lie in that one. In a tensor of one bucket nothing moves.
"""

import numpy as np

from tfqd.compressed.tensor import QuantizedTensor
from tfqd.spec.grid import zero_code


def levels_in_mean_bucket(tensor: QuantizedTensor) -> np.ndarray:
    """The values that codes stand for: float32 [levels]; of several codebooks their mean."""
    if tensor.points is not None:
        scaled = np.atleast_2d(tensor.points).mean(axis=0)
    elif tensor.offset is None:
        zero = zero_code(tensor.levels)
        scaled = (np.arange(tensor.levels) - zero) / zero
    else:
        scaled = np.arange(tensor.levels) / (tensor.levels - 1)
    return _unscaled(scaled, tensor)


def weights_in_mean_bucket(weights: np.ndarray, tensor: QuantizedTensor) -> np.ndarray:
    """Float weights of the tensor, each as far along its bucket as it is: float32.

    Args:
        weights: float32, of the tensor's shape.
        tensor: what they were quantized to.
    """
    scale = tensor.spread(tensor.scale)
    shifted = weights if tensor.offset is None else weights - tensor.spread(tensor.offset)
    scaled = np.divide(shifted, scale, out=np.zeros_like(shifted), where=scale > 0)
    return _unscaled(scaled, tensor)


def _unscaled(scaled: np.ndarray, tensor: QuantizedTensor) -> np.ndarray:
    offset = 0.0 if tensor.offset is None else tensor.offset.mean()
    return np.asarray(scaled * tensor.scale.mean() + offset, np.float32)
