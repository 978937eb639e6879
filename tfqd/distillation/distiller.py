"""Training a student, quantized or float, against a teacher."""

from typing import Any

import keras
import tensorflow as tf

from tfqd.distillation.losses import LogitsDistillation
from tfqd.wrapping.keras3.training import penalties, supervised_loss


@keras.saving.register_keras_serializable(package="tfqd")
class Distiller(keras.Model):
    """A model whose `fit` trains the student on labels and on the teacher.

    The loss is ``w * hard + (1 - w) * soft + penalties``: the compiled loss on
    the labels, the distillation loss on the teacher's outputs, and the
    student's regularizers. With a student from `tfqd.quantize_model` this is
    quantized distillation (Algorithm 1 of arXiv 1802.05668). Calling,
    evaluating and predicting use the student as it is, quantized.

    Args:
        teacher: a Keras model with the student's output shape. It runs once a
            step, in inference mode, and is never changed.
        student: the Keras model to train.
        distillation_loss: what the student learns from the teacher; by default
            `LogitsDistillation`.
        student_loss_weight: w, from 0 to 1; 1 trains without the teacher (a
            control run) and does not run it.

    Raises:
        TypeError: when teacher or student is no Keras 3 model, or the loss no loss.
        ValueError: when the weight lies outside [0, 1] or the models' output
            shapes differ.

    Example:

    >>> distiller = tfqd.Distiller(teacher, tfqd.quantize_model(model, tfqd.Uniform(bits=4)))
    >>> distiller.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    """

    def __init__(
        self,
        teacher: keras.Model,
        student: keras.Model,
        distillation_loss: LogitsDistillation | None = None,
        student_loss_weight: float = 0.5,
        **kwargs,
    ):
        _check_models(teacher, student)
        _check_loss(distillation_loss, student_loss_weight)
        kwargs.setdefault("name", "distiller")
        super().__init__(**kwargs)
        self.teacher = teacher
        self.student = student
        self.distillation_loss = distillation_loss or LogitsDistillation()
        self.student_loss_weight = float(student_loss_weight)
        self.student_tracker = keras.metrics.Mean(name="student_loss")
        self.distillation_tracker = keras.metrics.Mean(name="distillation_loss")
        self.built = True

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """The student's: the teacher is not trained."""
        return self.student.trainable_variables

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """The student's: the teacher is not trained."""
        return self.student.trainable_weights

    def call(self, inputs, training=None):
        return self.student(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The student's total loss; see the class."""
        hard = supervised_loss(self, y, y_pred, sample_weight)
        self.student_tracker.update_state(hard)
        if self.student_loss_weight == 1:
            return hard + penalties(self)
        soft = self.distillation_loss.compute_loss(self._teach(x), y_pred, sample_weight)
        self.distillation_tracker.update_state(soft)
        weight = self.student_loss_weight
        return weight * hard + (1 - weight) * soft + penalties(self)

    def _teach(self, x) -> tf.Tensor:
        # The scope drops whatever the teacher would assign or add as a loss.
        with keras.StatelessScope():
            return tf.stop_gradient(self.teacher(x, training=False))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "teacher": keras.saving.serialize_keras_object(self.teacher),
            "student": keras.saving.serialize_keras_object(self.student),
            "distillation_loss": keras.saving.serialize_keras_object(self.distillation_loss),
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for part in ("teacher", "student", "distillation_loss"):
            config[part] = keras.saving.deserialize_keras_object(config[part], custom_objects)
        return cls(**config)


def _check_loss(distillation_loss, student_loss_weight) -> None:
    if distillation_loss is not None and not hasattr(distillation_loss, "compute_loss"):
        raise TypeError(
            "distillation_loss must have compute_loss(teacher_outputs, student_outputs, "
            f"sample_weight); got {distillation_loss!r}"
        )
    if not isinstance(student_loss_weight, int | float) or not 0 <= student_loss_weight <= 1:
        raise ValueError(
            f"student_loss_weight must be a number between 0 and 1; got {student_loss_weight!r}"
        )


def _check_models(teacher, student) -> None:
    for role, model in (("teacher", teacher), ("student", student)):
        if not isinstance(model, keras.Model):
            raise TypeError(f"{role} must be a Keras 3 model; got {type(model).__name__}")
        if not model.built:
            raise ValueError(f"{role} {model.name!r} is not built; call it on data first")
    shapes = [getattr(model, "output_shape", None) for model in (teacher, student)]
    if None not in shapes and shapes[0] != shapes[1]:
        raise ValueError(
            f"teacher and student must have the same output shape; teacher {teacher.name!r} "
            f"gives {shapes[0]}, student {student.name!r} gives {shapes[1]}"
        )
