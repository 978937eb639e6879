"""`tfqd.wrapping.protocols.Building` for Keras 3."""

from collections.abc import Sequence

import keras

from tfqd.quantizers import Quantizer
from tfqd.report import ModelCompute
from tfqd.spec.selection import Selection
from tfqd.wrapping import computing
from tfqd.wrapping.keras3 import graphs
from tfqd.wrapping.keras3.candidates import choose_quantizers
from tfqd.wrapping.keras3.cloning import copy_model
from tfqd.wrapping.keras3.compression import compress as compress
from tfqd.wrapping.keras3.compression import float_form as float_form
from tfqd.wrapping.keras3.compression import names_of_weights as names_of_weights
from tfqd.wrapping.keras3.features import Keras3FeatureReader
from tfqd.wrapping.keras3.model import QuantizedModel
from tfqd.wrapping.keras3.model import quantize_model as quantize_model
from tfqd.wrapping.keras3.rebuilding import plain_from as plain_from
from tfqd.wrapping.keras3.rebuilding import quantized_from as quantized_from
from tfqd.wrapping.keras3.shrinking import shrunk as shrunk
from tfqd.wrapping.keras3.stripping import float_copy as float_copy
from tfqd.wrapping.keras3.stripping import strip_quantization as strip_quantization
from tfqd.wrapping.keras3.unpruned import unpruned as unpruned
from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.shadow import Shadow


def compute_of(model: keras.Model) -> ModelCompute:
    """See `tfqd.compute_report`."""
    plain = model.model if isinstance(model, QuantizedModel) else model
    return computing.compute_of(plain, find_quantized(model), graphs)


def choose_variables(
    model: keras.Model, selection: Selection
) -> list[tuple[keras.Variable, str, Quantizer]]:
    """The variables that `selection` quantizes, their paths and their quantizers."""
    chosen = choose_quantizers(model, selection)
    return [(variable, variable.path, quantizer) for variable, quantizer in chosen]


def quantized_from_shadow(shadow: Shadow) -> keras.Model:
    """A quantized copy of a shadowed model as it is."""
    index = {id(variable): i for i, variable in enumerate(shadow.model.weights)}
    quantizers = {index[id(entry.variable)]: entry.quantizer for entry in shadow.entries}
    return QuantizedModel(copy_model(shadow.model), quantizers)


def feature_reader(model: keras.Model, names: Sequence[str]) -> Keras3FeatureReader:
    """What reads the outputs of layers by name while the model runs."""
    return Keras3FeatureReader(model, names)
