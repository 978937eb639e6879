"""Keras 3: quantization by variable substitution, for any layer or model.

`building`, `training` and `serving` keep `tfqd.wrapping.protocols`. Behind them
`substitution` runs an untouched layer with quantized values in place of its
variables; `model` and `layer` put it into a model and into a wrapper for one
layer; `cloning` copies models by their `configuration`, by `deserialization`;
`signature` knows their inputs; `ends` finds a model's first and last weighted
layers; `first_step` has the first training step traced once; `file_formats` refuses files
that could not be read; `compression` reads the result out, `rebuilding` and `stripping` make
plain models of it.
"""

from tfqd.wrapping.keras3.file_formats import SavesWhole as SavesWhole
from tfqd.wrapping.keras3.first_step import TracesOnce as TracesOnce
from tfqd.wrapping.keras3.layer import Quantizer as Quantizer
from tfqd.wrapping.keras3.layer import QuantizeWrapper as QuantizeWrapper
from tfqd.wrapping.keras3.model import QuantizedModel as QuantizedModel
from tfqd.wrapping.keras3.seeds import KeepsSeeds as KeepsSeeds
