"""Layers for models that are built by hand."""

from tfqd.wrapping.keras3 import Quantizer as Quantizer
from tfqd.wrapping.keras3 import QuantizeWrapper as QuantizeWrapper

__all__ = ["QuantizeWrapper", "Quantizer"]


def __dir__() -> list[str]:
    """What users may call."""
    return [*__all__]
