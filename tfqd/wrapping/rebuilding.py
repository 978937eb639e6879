"""Models made again from their compressed form, whatever their Keras version.

Each version gives two functions: one makes the plain model of an architecture with
given weights, one has the variables of a plain model quantized.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfqd.compressed import CompressedModel, QuantizedTensor
from tfqd.quantizers import Quantizer, quantizer_for
from tfqd.spec import from_dict
from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.tensors import float_weights, restore_state

# Makes the plain model of a compressed one and its weights by name, in the model's order.
MakePlain = Callable[[CompressedModel, Mapping[str, np.ndarray]], Any]


def plain_from(compressed: CompressedModel, make_plain: MakePlain):
    """A plain model that holds the quantized values.

    Args:
        compressed: with the architecture of a model of that Keras version.
        make_plain: makes its model.

    Raises:
        ValueError: when the compressed model has no such architecture, or one that its
            tensors do not fit.
    """
    return make_plain(compressed, compressed.dequantize())


def quantized_from(
    compressed: CompressedModel,
    make_plain: MakePlain,
    quantize: Callable[[Any, Mapping[int, Quantizer]], Any],
):
    """A quantized model that gives the same outputs and can train on.

    Its float weights are ones that quantize to the compressed model's codes: the
    originals are not kept.

    Args:
        compressed: as for `plain_from`.
        make_plain: as for `plain_from`.
        quantize: makes a plain model a quantized one; takes the quantizers of its
            weights, by index.

    Raises:
        ValueError: as `plain_from`; also when nothing is quantized, or a weight would
            move.
    """
    if not compressed.quantized:
        raise ValueError("the compressed model holds no quantized tensor to train on")
    weights: dict[str, np.ndarray] = {}
    quantizers: dict[int, Quantizer] = {}
    for i, (name, tensor) in enumerate(compressed.tensors.items()):
        if isinstance(tensor, QuantizedTensor):
            quantizers[i] = quantizer_for(from_dict(tensor.spec), tensor.bucketing.channel_axes)
            weights[name] = float_weights(tensor, quantizers[i])
        else:
            weights[name] = tensor
    model = quantize(make_plain(compressed, weights), quantizers)
    stored = compressed.quantized.values()
    for entry, tensor in zip(find_quantized(model), stored, strict=True):
        restore_state(entry, tensor)
    return model
