"""What the losses on features, the outputs of inner layers, have in common."""

from typing import Any

import tensorflow as tf

from tfqd.distillation.losses.base import DistillationLoss
from tfqd.distillation.losses.outputs import describe, shapes_by_place
from tfqd.distillation.losses.positions import positions_fit


class FeatureLoss(DistillationLoss):
    """A loss that compares one tensor of each model.

    Args:
        teacher_layer_name: the teacher's layer whose output is learned from;
            None for the teacher's final output.
        student_layer_name: the student's layer that learns; None for the
            student's final output.
        name: what the loss is logged as.

    Raises:
        ValueError: for a name that is no text.
    """

    def __init__(self, teacher_layer_name: str | None, student_layer_name: str | None, name: str):
        super().__init__(name)
        for role, layer in (("teacher", teacher_layer_name), ("student", student_layer_name)):
            if layer is not None and (not isinstance(layer, str) or not layer):
                raise ValueError(f"{role}_layer_name must be None or a name; got {layer!r}")
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name

    def build(self, teacher_shape: Any, student_shape: Any, owner: Any) -> dict[str, Any]:
        """Creates nothing, but raises ValueError for several tensors of a model."""
        for shape in (teacher_shape, student_shape):
            if shapes_by_place(shape).keys() != {""}:
                raise self._not_one(str(shape))
        return {}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }

    def _read(self, teacher_outputs, student_outputs) -> tuple[tf.Tensor, tf.Tensor]:
        """The two tensors, float32, the teacher's without gradient."""
        for outputs in (teacher_outputs, student_outputs):
            if isinstance(outputs, list | tuple | dict):
                raise self._not_one(describe(outputs))
        teacher = tf.cast(teacher_outputs, tf.float32)
        student = tf.cast(student_outputs, tf.float32)
        if min(teacher.shape.rank, student.shape.rank) < 2:
            raise ValueError(
                f"{type(self).__name__} compares features [batch, positions..., channels]; "
                f"{self._shapes(teacher.shape, student.shape)}"
            )
        return tf.stop_gradient(teacher), student

    def _not_one(self, outputs: str) -> ValueError:
        return ValueError(
            f"{type(self).__name__} compares one tensor of each model; got {outputs}: name a layer "
            "that gives one tensor"
        )

    def _check_positions(self, teacher_shape, student_shape) -> None:
        if not positions_fit(teacher_shape, student_shape):
            raise ValueError(
                "the features must have equal numbers of positions, or integer multiples of each "
                f"other's; {self._shapes(teacher_shape, student_shape)}"
            )

    def _shapes(self, teacher_shape, student_shape) -> str:
        """Which layers give which shapes, to be read in an error."""
        roles = {
            "teacher": (self.teacher_layer_name, teacher_shape),
            "student": (self.student_layer_name, student_shape),
        }
        return ", ".join(
            f"the {role}'s {'output' if name is None else f'layer {name!r}'} gives {tuple(shape)}"
            for role, (name, shape) in roles.items()
        )
