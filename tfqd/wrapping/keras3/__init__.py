"""Keras 3: quantization by variable substitution, for any layer or model.

`substitution` runs an untouched layer with quantized values in place of its
variables; `model` and `layer` put it into a model and into a wrapper for one
layer; `cloning` copies models by their `configuration`; `signature` knows their
inputs; `ends` finds a model's first and last weighted layers; `compression`
reads the result out, `rebuilding` and `stripping` make plain models of it.
"""

from keras import Model as Model

from tfqd.wrapping.keras3.compression import compress as compress
from tfqd.wrapping.keras3.compression import float_form as float_form
from tfqd.wrapping.keras3.features import FeatureReader as FeatureReader
from tfqd.wrapping.keras3.layer import Quantizer as Quantizer
from tfqd.wrapping.keras3.layer import QuantizeWrapper as QuantizeWrapper
from tfqd.wrapping.keras3.model import QuantizedModel as QuantizedModel
from tfqd.wrapping.keras3.model import quantize_model as quantize_model
from tfqd.wrapping.keras3.rebuilding import plain_from as plain_from
from tfqd.wrapping.keras3.rebuilding import quantized_from as quantized_from
from tfqd.wrapping.keras3.seeds import KeepsSeeds as KeepsSeeds
from tfqd.wrapping.keras3.signature import zero_inputs as zero_inputs
from tfqd.wrapping.keras3.stripping import strip_quantization as strip_quantization
from tfqd.wrapping.keras3.substitution import find_quantized as find_quantized
from tfqd.wrapping.keras3.training import deserialize as deserialize
from tfqd.wrapping.keras3.training import float_copy as float_copy
from tfqd.wrapping.keras3.training import has_loss as has_loss
from tfqd.wrapping.keras3.training import in_inference as in_inference
from tfqd.wrapping.keras3.training import mask_of as mask_of
from tfqd.wrapping.keras3.training import mean_metric as mean_metric
from tfqd.wrapping.keras3.training import mean_of_replica as mean_of_replica
from tfqd.wrapping.keras3.training import penalties as penalties
from tfqd.wrapping.keras3.training import serialize as serialize
from tfqd.wrapping.keras3.training import share_of_replica as share_of_replica
from tfqd.wrapping.keras3.training import supervised_loss as supervised_loss
from tfqd.wrapping.keras3.training import values as values
