"""tfmot, imported without its side effect.

Importing tfmot sets ``TF_USE_LEGACY_KERAS`` for the whole process, and a
``tf.keras`` that nobody used before turns into tf_keras. Here ``tf.keras`` is
first made to be what the user's own settings say, and the variable is put back.
"""

import contextlib
import os

import tensorflow as tf

from tfqd.extras import needing

_VARIABLE = "TF_USE_LEGACY_KERAS"


@contextlib.contextmanager
def _user_settings_kept():
    tf.keras.__name__  # noqa: B018 (loads it)
    before = os.environ.get(_VARIABLE)
    try:
        yield
    finally:
        os.environ.pop(_VARIABLE, None)
        if before is not None:
            os.environ[_VARIABLE] = before


with _user_settings_kept(), needing("tfmot", "tf_keras (Keras 2) models"):
    import tensorflow_model_optimization as tfmot
    from tensorflow_model_optimization.python.core.keras.utils import smart_cond
    from tensorflow_model_optimization.python.core.quantization.keras import (
        quantize_annotate,
        quantize_aware_activation,
        quantize_layer,
    )

QuantizeAnnotate = quantize_annotate.QuantizeAnnotate
QuantizeAwareActivation = quantize_aware_activation.QuantizeAwareActivation
QuantizeLayer = quantize_layer.QuantizeLayer

__all__ = ["QuantizeAnnotate", "QuantizeAwareActivation", "QuantizeLayer", "smart_cond", "tfmot"]
