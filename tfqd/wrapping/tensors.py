"""Between quantized variables and their compressed form, in any Keras version."""

import numpy as np

from tfqd.compressed import QuantizedTensor
from tfqd.compressed.restoring import restore_weights
from tfqd.quantizers import Quantizer, oscillation
from tfqd.wrapping.quantized import QuantizedVariable

# Relative to the largest weight: what the rounding of a stored scale explains.
_ROUNDING = 1e-6


def float_weights(tensor: QuantizedTensor, quantizer: Quantizer) -> np.ndarray:
    """Weights that the quantizer, its variables restored, maps to the tensor's codes."""
    return restore_weights(tensor) if quantizer.follows_weights else tensor.dequantize()


def restore_state(entry: QuantizedVariable, tensor: QuantizedTensor) -> None:
    """Sets the quantizer's own variables to what the tensor was quantized with."""
    entry.quantizer.restore(tensor, entry.state)
    if entry.quantizer.spec.freeze_above is not None:
        moved = _quantized(entry) != tensor.dequantize()
        oscillation.hold(np.where(moved, tensor.codes, -1.0), entry.state)
    _check_restored(entry, tensor)


def _quantized(entry: QuantizedVariable) -> np.ndarray:
    """What the variable's own quantizer makes of it."""
    return entry.quantizer.encode(entry.value(), entry.state).dequantize()


def _check_restored(entry: QuantizedVariable, tensor: QuantizedTensor) -> None:
    """Raises ValueError when the variable quantizes to other values than were stored.

    Which those are: see `tfqd.compressed.restoring`.
    """
    stored, restored = tensor.dequantize(), _quantized(entry)
    apart = np.abs(restored.astype(np.float64) - stored)
    largest = float(np.abs(stored).max(initial=0.0))
    if apart.max(initial=0.0) > _ROUNDING * largest:
        raise ValueError(
            f"{entry.path} cannot be made a variable that is quantized to what was stored: "
            f"{int((apart > _ROUNDING * largest).sum())} of {stored.size} weights would move, by "
            f"up to {apart.max() / largest:.2g} of the largest; load it as plain model"
        )
