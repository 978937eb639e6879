"""The scope in which files of quantized tf_keras models are read."""

from typing import Any

import tf_keras

from tfqd.quantizers import registered_quantizers
from tfqd.wrapping.tf_keras.activations import QuantizedActivation
from tfqd.wrapping.tf_keras.config import QuantizeConfig
from tfqd.wrapping.tf_keras.model import QuantizedFunctional, QuantizedSequential, QuantizeInput
from tfqd.wrapping.tf_keras.toolkit import tfmot
from tfqd.wrapping.tf_keras.wrapper import QuantizeWrapper

_CLASSES = (
    QuantizeConfig,
    QuantizedActivation,
    QuantizedFunctional,
    QuantizedSequential,
    QuantizeInput,
    QuantizeWrapper,
    tf_keras.layers.SpectralNormalization,  # The one layer that tf_keras does not read itself.
)


def quantize_scope(*custom_objects: dict[str, Any]):
    """A scope that knows the classes of tfqd and tfmot by the names that files use.

    Needed to load ``.h5`` files and models with tfmot's own quantizers, and to
    clone either; ``.keras`` files and SavedModels with tfqd's alone do without.

    Args:
        custom_objects: further classes by name.

    Example:

    >>> quantized.save("quantized.h5")
    >>> with tfqd.tfmot.quantize_scope():
    ...     reloaded = tf_keras.models.load_model("quantized.h5")
    """
    ours = {cls.__name__: cls for cls in (*registered_quantizers(), *_CLASSES)}
    return tfmot.quantization.keras.quantize_scope(ours, *custom_objects)
