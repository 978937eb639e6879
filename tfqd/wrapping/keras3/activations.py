"""The layer that rounds activations to a range of integers, for Keras 3."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfqd.quantizers import ActivationQuantizer
from tfqd.spec import Activations
from tfqd.wrapping.activations import RoundsActivations


@keras.saving.register_keras_serializable(package="tfqd")
class QuantizedActivation(RoundsActivations, keras.layers.Layer):
    """Rounds what flows through it to a range of integers.

    `tfqd.quantize_model(..., activations=)` puts it between layers; `tfqd.calibrate` gives the
    range its ends.

    Args:
        spec: bits, and where the ends come from; a `tfqd.Activations`, or its fields.
        positive: whether a ReLU comes before.
        fixed: None, or the ends that a kernel knows no others than.
        layers: the names of the layers whose answers have the range.
        reason: why it is there.
        active: whether it rounds; else what comes goes through.
    """

    def __init__(
        self,
        spec: Activations | Mapping[str, Any],
        positive: bool = False,
        fixed: Sequence[float] | None = None,
        layers: Sequence[str] = (),
        reason: str = "",
        active: bool = True,
        **kwargs,
    ):
        super().__init__(autocast=False, **{"dtype": "float32", **kwargs})
        spec = spec if isinstance(spec, Activations) else Activations(**spec)
        ends = None if fixed is None else (fixed[0], fixed[1])
        self.quantizer = ActivationQuantizer(spec, positive, ends)
        self.covered, self.reason = tuple(layers), reason
        self.active = active
        self.state = self.quantizer.build(self)
        self.supports_masking = True
        self.built = True

    @property
    def is_calibrated(self) -> bool:
        if "unit" not in self.state:
            return True
        # Inside a scope of its own a variable reads as itself, while a graph is traced too.
        with tf.init_scope(), keras.StatelessScope():
            return bool(np.asarray(self.state["unit"]) > 0)

    def call(self, inputs, training=None):
        if not self.active:
            return inputs
        self.check_calibrated()
        rounded = self.quantizer(tf.cast(inputs, tf.float32), training, self.state)
        return tf.cast(rounded, inputs.dtype)

    def compute_output_spec(self, inputs, training=None):
        """The inputs': rounding changes neither shapes nor dtypes."""
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        told = {"layers": list(self.covered), "reason": self.reason, "active": self.active}
        return {**super().get_config(), **self.quantizer.get_config(), **told}
