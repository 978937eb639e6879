"""What a Distiller is made of and saved as, for models of either Keras version."""

from typing import Any

import keras

from tfqd.distillation.cached_teacher import CachedTeacher
from tfqd.distillation.checks import (
    check_losses,
    check_models,
    check_outputs,
    check_roles,
    check_steps,
)
from tfqd.distillation.defaults import default_student_loss_weight
from tfqd.distillation.logits_or_probabilities import check_probabilities
from tfqd.distillation.losses import LogitsDistillation
from tfqd.distillation.step import DistillationStep
from tfqd.distillation.terms import Weight
from tfqd.spec.checks import checked_bool
from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.unpruned import Unpruned


class BaseDistiller(DistillationStep):
    """Mixin: constructor, trained variables and configuration; see `tfqd.Distiller`.

    The class that mixes it in is a model, and names its Keras version
    in `_version`.
    """

    def __init__(
        self,
        teacher: Any,
        student: Any,
        distillation_losses: Any = None,
        distillation_loss_weights: list[Weight] | None = None,
        student_loss_weight: Weight | None = None,
        name: str = "distiller",
        *,
        log_gradient_cosine: bool = False,
        **kwargs,
    ):
        bits = self._fewest_bits(student)
        if student_loss_weight is None:
            student_loss_weight = default_student_loss_weight(bits)
        losses, weights = check_losses(
            distillation_losses or LogitsDistillation(),
            distillation_loss_weights,
            student_loss_weight,
        )
        losses = [loss.for_bits(bits) if hasattr(loss, "for_bits") else loss for loss in losses]
        if teacher is None and isinstance(student, self._version.Model) and student.built:
            teacher = self._version.building.float_copy(student)
        check_models(teacher, student, losses, self._version)
        check_steps(student)
        # The models cast their inputs themselves, each as it needs.
        options = {"dtype": student.dtype_policy, "autocast": False, **kwargs}
        super().__init__(name=name, **options)  # type: ignore[call-arg]  # the model's
        self.teacher = teacher
        self.student = student
        self.distillation_losses = losses
        self.distillation_loss_weights = weights
        self.student_loss_weight = student_loss_weight
        self.log_gradient_cosine = checked_bool("log_gradient_cosine", log_gradient_cosine)
        self._has_default_loss = not distillation_losses
        self._add_trackers()
        if all(model.built for model in self._models):
            if self._learns_from_teacher:
                cached = isinstance(teacher, CachedTeacher)
                if not cached:
                    check_roles(teacher, student)
                inputs = None if cached else self._version.serving.zero_inputs(teacher)
                self._probabilities = check_probabilities(teacher, losses, inputs)
            self._prepare()
            self.built = True

    @property
    def _models(self) -> list:
        """The student, and the teacher where it is a model."""
        cached = isinstance(self.teacher, CachedTeacher)
        return [self.student] if cached else [self.teacher, self.student]

    def build(self, input_shape) -> None:
        """Builds the models that are not built yet, and readies the losses.

        Keras calls it on the first batch.
        """
        if self._terms:
            return
        for model in self._models:
            if not model.built:
                model.build(input_shape)
        check_outputs(self.teacher, self.student, self.distillation_losses)
        self._prepare()
        self.built = True

    def _fewest_bits(self, student) -> int | None:
        """The fewest bits of any of the student's variables; None when it is float."""
        if not isinstance(student, self._version.Model):
            return None
        entries = find_quantized(student)
        return min((entry.quantizer.spec.bits for entry in entries), default=None)

    @property
    def trainable_variables(self) -> list:
        """As `trainable_weights`."""
        return self.trainable_weights

    @property
    def trainable_weights(self) -> list:
        """The student's and the losses' own; the teacher's only where both learn."""
        own = [variable for term in self._terms for variable in term.state.values()]
        taught = self.teacher.trainable_variables if self._teacher_learns else []
        return self.student.trainable_variables + own + taught

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),  # type: ignore[misc]  # the model's
            **self._config_of_teacher(),
            "student": self._version.training.serialize(self.student),
            "distillation_losses": [serialize(loss) for loss in self.distillation_losses],
            "distillation_loss_weights": [
                serialize(weight) for weight in self.distillation_loss_weights
            ],
            "student_loss_weight": serialize(self.student_loss_weight),
            "log_gradient_cosine": self.log_gradient_cosine,
        }

    def _config_of_teacher(self) -> dict[str, Any]:
        cached = isinstance(self.teacher, CachedTeacher)
        if isinstance(self.teacher, Unpruned):  # It is made again of the student.
            return {"teacher": None, "teacher_is_cached": False, "teacher_is_unpruned": True}
        plain = keras.saving.serialize_keras_object
        serialize = plain if cached else self._version.training.serialize
        return {"teacher": serialize(self.teacher), "teacher_is_cached": cached}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        plain = keras.saving.deserialize_keras_object
        of_teacher = plain if config.pop("teacher_is_cached") else cls._version.training.deserialize
        config["student"] = cls._version.training.deserialize(config["student"], custom_objects)
        if config.pop("teacher_is_unpruned", False):
            config["teacher"] = cls._version.building.unpruned(config["student"])
        else:
            config["teacher"] = of_teacher(config["teacher"], custom_objects)
        for part in ("distillation_losses", "distillation_loss_weights", "student_loss_weight"):
            config[part] = plain(config[part], custom_objects)
        return cls(**config)
