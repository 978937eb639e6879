"""The classic soft loss, on the models' outputs."""

from typing import Any

import keras
import tensorflow as tf

from tfqd.distillation.losses.averaging import batch_mean
from tfqd.distillation.losses.base import DistillationLoss
from tfqd.distillation.losses.outputs import (
    by_place,
    describe,
    option_by_place,
    select,
)
from tfqd.distillation.losses.probabilities import log_probabilities
from tfqd.distillation.losses.temperature import check_temperature, default_temperature


@keras.saving.register_keras_serializable(package="tfqd")
class LogitsDistillation(DistillationLoss):
    """The soft loss of Hinton et al., T^2 KL(softmax(t / T) || softmax(s / T)).

    Summed over the classes and averaged over the batch (arXiv 1503.02531). T^2
    keeps its gradient on the scale of the hard loss whatever the temperature.
    Outputs with positions, of time steps or pixels, are averaged over each
    sample's positions first; `SequenceDistillation` averages over all tokens.

    A single unit counts as the first of two classes.

    Args:
        temperature: T, above 0; None for `default_temperature`, by the bits of
            the student that `tfqd.Distiller` is given.
        from_logits: whether both models give logits; False for probabilities.
        output: the name or index of the output to compare, for models with
            several; None for the sum over all of them.
        name: what the loss is logged as.

    Raises:
        ValueError: for a temperature that is not a positive finite number, or
            an output that is no name or index.

    Example:

    >>> teacher_logits = tf.math.log([[0.5, 0.5], [0.1, 0.9]])
    >>> student_logits = tf.math.log([[0.2, 0.8], [0.1, 0.9]])
    >>> loss = LogitsDistillation(temperature=1.0).compute_loss(teacher_logits, student_logits)
    >>> round(float(loss), 4)  # half of 0.5 log(0.5 / 0.2) + 0.5 log(0.5 / 0.8)
    0.1116
    """

    def __init__(
        self,
        temperature: float | None = None,
        from_logits: bool = True,
        output: str | int | None = None,
        name: str = "logits_distillation",
    ):
        super().__init__(name)
        if not isinstance(output, str | int | None) or isinstance(output, bool):
            raise ValueError(f"output must be None, a name or an index; got {output!r}")
        self.temperature = check_temperature(temperature)
        self.from_logits = bool(from_logits)
        self.output = output

    def for_bits(self, bits: int | None) -> "LogitsDistillation":
        """This loss for a student of so many bits.

        Args:
            bits: as in `default_temperature`.

        Returns:
            The loss itself if its temperature is set, else a copy with one.
        """
        if self.temperature is not None:
            return self
        return type(self).from_config(
            {**self.get_config(), "temperature": default_temperature(bits)}
        )

    def compute_loss(
        self,
        teacher_outputs: Any,
        student_outputs: Any,
        *,
        sample_weight: Any = None,
        mask: Any = None,
        state: dict[str, Any] | None = None,
    ) -> tf.Tensor:
        """The loss of a batch.

        Args:
            teacher_outputs: float [batch, positions..., classes], or a structure
                of such tensors.
            student_outputs: the same of the student.
            sample_weight: None, or numbers [batch] or [batch, positions...], for
                all outputs or in their structure.
            mask: None, or bool [batch, positions...], for all outputs or in
                their structure; where False, the position is left out.
            state: not used.

        Returns:
            A float32 scalar.

        Raises:
            ValueError: when the shapes or structures do not fit together.
        """
        self.validate_outputs(teacher_outputs, student_outputs)
        teachers = by_place(select(teacher_outputs, self.output))
        students = by_place(select(student_outputs, self.output))
        weights = option_by_place("sample_weight", sample_weight, self.output, teachers)
        masks = option_by_place("mask", mask, self.output, teachers)
        return tf.add_n(
            [
                self._average(
                    self._divergence(place, teachers[place], students[place]),
                    weights[place],
                    masks[place],
                )
                for place in teachers
            ]
        )

    _average = staticmethod(batch_mean)

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Raises ValueError when the compared outputs have different structures."""
        super().validate_outputs(
            select(teacher_outputs, self.output), select(student_outputs, self.output)
        )

    def _divergence(self, place: str, teacher, student) -> tf.Tensor:
        """T^2 KL(teacher || student): float32 [batch, positions...]."""
        teacher, student = tf.convert_to_tensor(teacher), tf.convert_to_tensor(student)
        self._check_shapes(place, teacher, student)
        temperature = self.temperature or default_temperature(None)
        teacher = log_probabilities(tf.stop_gradient(teacher), self.from_logits, temperature)
        student = log_probabilities(student, self.from_logits, temperature)
        # No NaN where both rule a class out with a logit of minus infinity.
        terms = tf.math.multiply_no_nan(teacher - student, tf.exp(teacher))
        return temperature**2 * tf.reduce_sum(terms, axis=-1)

    def _check_shapes(self, place: str, teacher: tf.Tensor, student: tf.Tensor) -> None:
        if not teacher.shape.is_compatible_with(student.shape):
            raise ValueError(
                f"teacher and student must give outputs{place} of the same shape; the teacher "
                f"gives {describe(teacher)}, the student {describe(student)}"
            )
        if student.shape.rank < 2:
            raise ValueError(
                f"{type(self).__name__} compares outputs [batch, positions..., classes]; "
                f"got {describe(student)}"
            )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "from_logits": self.from_logits,
            "output": self.output,
        }
