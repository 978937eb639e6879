"""Layers for models that are built by hand."""

from tfqd.wrapping.keras3 import Quantizer as Quantizer
from tfqd.wrapping.keras3 import QuantizeWrapper as QuantizeWrapper
