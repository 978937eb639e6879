"""`tfqd.wrapping.protocols.Building` for tf_keras."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras

from tfqd.quantizers import Quantizer, quantizer_for
from tfqd.report import ModelCompute
from tfqd.spec.selection import Selection
from tfqd.wrapping import computing
from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.shadow import Shadow
from tfqd.wrapping.tf_keras import graphs
from tfqd.wrapping.tf_keras.candidates import choose_specs, owned_variables
from tfqd.wrapping.tf_keras.compression import compress as compress
from tfqd.wrapping.tf_keras.compression import float_form as float_form
from tfqd.wrapping.tf_keras.compression import names_of_weights as names_of_weights
from tfqd.wrapping.tf_keras.features import TfKerasFeatureReader
from tfqd.wrapping.tf_keras.model import quantize_model as quantize_model
from tfqd.wrapping.tf_keras.model import with_quantizers
from tfqd.wrapping.tf_keras.rebuilding import plain_from as plain_from
from tfqd.wrapping.tf_keras.rebuilding import quantized_from as quantized_from
from tfqd.wrapping.tf_keras.stripping import float_copy as float_copy
from tfqd.wrapping.tf_keras.stripping import strip_quantization as strip_quantization
from tfqd.wrapping.tf_keras.unpruned import unpruned as unpruned


def compute_of(model: tf_keras.Model) -> ModelCompute:
    """See `tfqd.compute_report`."""
    return computing.compute_of(model, find_quantized(model), graphs)


def choose_variables(
    model: tf_keras.Model, selection: Selection
) -> list[tuple[tf.Variable, str, Quantizer]]:
    """The variables that `selection` quantizes, their paths and their quantizers."""
    return [
        (entry.variable, entry.path, quantizer_for(spec, entry.channel_axes))
        for entry, spec in choose_specs(model, selection)
    ]


def quantized_from_shadow(shadow: Shadow) -> tf_keras.Model:
    """A quantized copy of a shadowed model as it is."""
    owned = {id(entry.variable): entry for entry in owned_variables(shadow.model)}
    chosen = [(owned[id(each.variable)], each.quantizer.spec) for each in shadow.entries]
    return with_quantizers(shadow.model, chosen)


def feature_reader(model: tf_keras.Model, names: Sequence[str]) -> TfKerasFeatureReader:
    """What reads the outputs of layers by name while the model runs."""
    return TfKerasFeatureReader(model, names)


def shrunk(model: tf_keras.Model):
    """See `tfqd.shrink`, which leaves tf_keras models alone.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        f"shrink takes Keras 3 models; {model.name!r} is a tf_keras {type(model).__name__}"
    )
