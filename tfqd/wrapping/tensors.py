"""Between quantized variables and their compressed form, in any Keras version."""

import numpy as np

from tfqd.compressed import QuantizedTensor
from tfqd.compressed.restoring import restore_weights
from tfqd.quantizers import Quantizer
from tfqd.quantizers.base import Encoding
from tfqd.wrapping.quantized import QuantizedVariable


def quantized_tensor(entry: QuantizedVariable) -> QuantizedTensor:
    """What is stored of a variable that a quantizer is in force for."""
    spec = entry.active.spec
    encoding = entry.encode()
    return QuantizedTensor(
        codes=encoding.codes,
        bits=spec.bits,
        levels=spec.levels,
        bucketing=entry.active.bucketing(entry.variable.shape),
        scale=encoding.scale,
        offset=encoding.offset,
        points=encoding.points,
        channels_per_codebook=encoding.channels_per_codebook,
        spec=spec.to_dict(),
    )


def float_weights(tensor: QuantizedTensor, quantizer: Quantizer) -> np.ndarray:
    """Weights that the quantizer, its variables restored, maps to the tensor's codes."""
    return restore_weights(tensor) if quantizer.follows_weights else tensor.dequantize()


def restore_state(entry: QuantizedVariable, tensor: QuantizedTensor) -> None:
    """Sets the quantizer's own variables to what the tensor was quantized with."""
    encoding = Encoding(tensor.codes, tensor.scale, tensor.offset, tensor.points)
    entry.quantizer.restore(encoding, entry.state)
