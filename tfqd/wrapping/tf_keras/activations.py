"""The layer that rounds activations to a range of integers, for tf_keras."""

import tensorflow as tf
import tf_keras

from tfqd.wrapping.activations import RoundsActivations
from tfqd.wrapping.tf_keras.insides import is_finding_shapes


@tf_keras.saving.register_keras_serializable(package="tfqd")
class QuantizedActivation(RoundsActivations, tf_keras.layers.Layer):
    """Rounds what flows through it to a range of integers.

    `tfqd.quantize_model(..., activations=)` puts it between layers; `tfqd.calibrate` gives the
    range its ends.
    """

    mean_of_replicas = tf.VariableAggregation.MEAN

    @property
    def is_calibrated(self) -> bool:
        if "unit" not in self.state:
            return True
        with tf.init_scope():
            return bool(self.state["unit"] > 0)

    @tf.autograph.experimental.do_not_convert
    def call(self, inputs, training=None, inside=False):
        if not self.active:
            return inputs
        if not is_finding_shapes():
            self.check_calibrated()
        return self.rounded(inputs, training, inside)

    def compute_output_shape(self, input_shape):
        """The inputs': rounding changes no shapes."""
        return input_shape
