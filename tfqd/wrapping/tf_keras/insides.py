"""What tf_keras does not promise to keep, and more than one file here uses."""

import tensorflow as tf
import tf_keras

from tfqd.wrapping.insides import check_attributes, insides_of

with insides_of(tf_keras):
    from tf_keras.src.engine.functional import Functional as Functional
    from tf_keras.src.mixed_precision import autocast_variable as autocast_variable
    from tf_keras.src.utils import losses_utils as losses_utils

_OF_LAYERS = (
    *("_call_spec", "_callable_losses", "_dedup_weights", "_flatten_layers"),
    *("_non_trainable_weights", "_trainable", "_trainable_weights"),
)

check_attributes(tf_keras, tf_keras.layers.Layer(name="asked_by_tfqd"), _OF_LAYERS)


def own_weights(layer: tf_keras.layers.Layer) -> list[tf.Variable]:
    """The layer's own weights, not those of layers in it."""
    return [*layer._trainable_weights, *layer._non_trainable_weights]
