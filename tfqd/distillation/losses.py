"""What a student learns from its teacher.

Each loss has ``compute_loss(teacher_outputs, student_outputs, sample_weight)``
and gives the mean over the batch.
"""

import math
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tfqd")
class LogitsDistillation:
    """The classic soft loss, T^2 KL(softmax(t / T) || softmax(s / T)).

    Summed over the classes and averaged over the batch (Hinton et al. 2015,
    arXiv 1503.02531). T^2 keeps its gradient on the scale of the hard loss
    whatever the temperature.

    Args:
        temperature: T, above 0. Students of few bits want a low one, 1 to 2.
        from_logits: whether both models give logits; False for probabilities.

    Raises:
        ValueError: for a temperature that is not a positive finite number.
    """

    def __init__(self, temperature: float = 2.0, from_logits: bool = True):
        number = isinstance(temperature, int | float) and not isinstance(temperature, bool)
        if not number or not 0 < temperature < math.inf:
            raise ValueError(f"temperature must be a positive number; got {temperature!r}")
        self.temperature = float(temperature)
        self.from_logits = from_logits

    def compute_loss(self, teacher_outputs, student_outputs, sample_weight=None) -> tf.Tensor:
        """The loss of a batch.

        Args:
            teacher_outputs: float [..., classes].
            student_outputs: float [..., classes].
            sample_weight: None, or float [batch].

        Returns:
            A float32 scalar.
        """
        teacher = self._log_probabilities(teacher_outputs)
        student = self._log_probabilities(student_outputs)
        divergence = tf.reduce_sum(tf.exp(teacher) * (teacher - student), axis=-1)
        per_sample = tf.reduce_mean(tf.reshape(divergence, [tf.shape(divergence)[0], -1]), axis=1)
        if sample_weight is not None:
            per_sample *= tf.cast(tf.reshape(sample_weight, [-1]), per_sample.dtype)
        return self.temperature**2 * tf.reduce_mean(per_sample)

    def _log_probabilities(self, outputs) -> tf.Tensor:
        outputs = tf.cast(outputs, tf.float32)
        if not self.from_logits:
            outputs = tf.math.log(tf.maximum(outputs, keras.config.epsilon()))
        return tf.nn.log_softmax(outputs / self.temperature, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "from_logits": self.from_logits}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LogitsDistillation":
        return cls(**config)
