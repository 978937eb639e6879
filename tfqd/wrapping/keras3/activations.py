"""The layer that rounds activations to a range of integers, for Keras 3."""

import keras
import numpy as np
import tensorflow as tf

from tfqd.wrapping.activations import RoundsActivations


@keras.saving.register_keras_serializable(package="tfqd")
class QuantizedActivation(RoundsActivations, keras.layers.Layer):
    """Rounds what flows through it to a range of integers.

    `tfqd.quantize_model(..., activations=)` puts it between layers; `tfqd.calibrate` gives the
    range its ends.
    """

    mean_of_replicas = "mean"

    @property
    def is_calibrated(self) -> bool:
        if "unit" not in self.state:
            return True
        # Inside a scope of its own a variable reads as itself, while a graph is traced too.
        with tf.init_scope(), keras.StatelessScope():
            return bool(np.asarray(self.state["unit"]) > 0)

    def call(self, inputs, training=None, inside=False):
        if not self.active:
            return inputs
        self.check_calibrated()
        return self.rounded(inputs, training, inside)

    def compute_output_spec(self, inputs, training=None, inside=False):
        """The inputs': rounding changes neither shapes nor dtypes."""
        return keras.KerasTensor(inputs.shape, inputs.dtype)
