"""Training a student, quantized or float, against a teacher."""

from typing import Any

import keras

from tfqd.distillation.cached_teacher import CachedTeacher
from tfqd.distillation.checks import check_losses, check_models, check_probabilities
from tfqd.distillation.defaults import default_student_loss_weight
from tfqd.distillation.losses import LogitsDistillation
from tfqd.distillation.step import DistillationStep, Weight
from tfqd.wrapping import keras3
from tfqd.wrapping.keras3 import find_quantized


@keras.saving.register_keras_serializable(package="tfqd")
class Distiller(DistillationStep, keras3.KeepsSeeds, keras.Model):
    """A model whose `fit` trains the student on labels and on the teacher.

    The loss is ``w * hard + (1 - w) * soft + penalties``: the compiled loss on
    the labels, the weighted sum of the distillation losses, and the student's
    regularizers and ``add_loss`` terms. With a student from
    `tfqd.quantize_model` this is quantized distillation (Algorithm 1 of arXiv
    1802.05668); a float student learns as in Hinton et al. 2015. Calling,
    evaluating and predicting use the student as it is, quantized.

    The constructor is that of ``keras.distillation.Distiller``, whose loss
    objects work here too. The logs hold the compiled metrics, ``student_loss``,
    ``distillation_loss`` and, of several distillation losses, each by its name.

    Args:
        teacher: a Keras model, which runs once a step in inference mode and is
            never changed; a `CachedTeacher`, whose outputs come with the data;
            or None for a float copy of the student as it is now.
        student: the Keras model to train; it runs once a step.
        distillation_losses: a loss or list of losses; by default
            `LogitsDistillation`, at a temperature that suits the student's bits.
        distillation_loss_weights: one number, or schedule of optimizer steps
            such as `WarmUpDecay`, for each loss; 1 by default.
        student_loss_weight: w, from 0 to 1, or a schedule; by default what
            suits the student's bits. 1 trains without the teacher (a control
            run) and does not run it; with 0 no labels are needed.
        log_gradient_cosine: whether to log ``gradient_cosine``, the cosine
            between the gradients of the hard and the soft loss. Below 0 they
            pull against each other. Costs a second and third backward pass.

    Raises:
        TypeError: when teacher or student is no Keras 3 model, or a loss no loss.
        ValueError: for weights that are no weights, outputs that do not fit
            together, or a feature layer that does not exist.

    Example:

    >>> distiller = tfqd.Distiller(teacher, tfqd.quantize_model(model, tfqd.Uniform(bits=4)))
    >>> distiller.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    """

    _keras = keras3

    def __init__(
        self,
        teacher: keras.Model | CachedTeacher | None,
        student: keras.Model,
        distillation_losses: Any = None,
        distillation_loss_weights: list[Weight] | None = None,
        student_loss_weight: Weight | None = None,
        log_gradient_cosine: bool = False,
        name: str = "distiller",
        **kwargs,
    ):
        bits = _fewest_bits(student)
        if student_loss_weight is None:
            student_loss_weight = default_student_loss_weight(bits)
        losses, weights = check_losses(
            distillation_losses or LogitsDistillation(),
            distillation_loss_weights,
            student_loss_weight,
        )
        losses = [loss.for_bits(bits) if hasattr(loss, "for_bits") else loss for loss in losses]
        if teacher is None and isinstance(student, keras.Model):
            teacher = keras3.float_copy(student)
        check_models(teacher, student, losses)
        super().__init__(name=name, **kwargs)
        self.teacher = teacher
        self.student = student
        self.distillation_losses = losses
        self.distillation_loss_weights = weights
        self.student_loss_weight = student_loss_weight
        self.log_gradient_cosine = log_gradient_cosine
        if self._learns_from_teacher:
            check_probabilities(teacher, losses)
        self._prepare(losses, weights, lambda name: keras.metrics.Mean(name=name))
        self.built = True

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """The student's and the losses' own: the teacher is not trained."""
        return self.trainable_weights

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """The student's and the losses' own: the teacher is not trained."""
        return self.student.trainable_variables + list(self._trainable_variables)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "teacher": serialize(self.teacher),
            "student": serialize(self.student),
            "distillation_losses": [serialize(loss) for loss in self.distillation_losses],
            "distillation_loss_weights": [
                serialize(weight) for weight in self.distillation_loss_weights
            ],
            "student_loss_weight": serialize(self.student_loss_weight),
            "log_gradient_cosine": self.log_gradient_cosine,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for part in _PARTS:
            config[part] = keras.saving.deserialize_keras_object(config[part], custom_objects)
        return cls(**config)


_PARTS = (
    "teacher",
    "student",
    "distillation_losses",
    "distillation_loss_weights",
    "student_loss_weight",
)


def _fewest_bits(student) -> int | None:
    """The fewest bits of any of the student's variables; None when it is float."""
    if not isinstance(student, keras.Model):
        return None
    return min((entry.quantizer.spec.bits for entry in find_quantized(student)), default=None)
