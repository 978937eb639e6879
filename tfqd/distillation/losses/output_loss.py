"""What the losses on final outputs, one or several, have in common."""

import abc
from collections.abc import Collection
from typing import Any

import tensorflow as tf

from tfqd.distillation.losses.averaging import batch_mean
from tfqd.distillation.losses.base import DistillationLoss
from tfqd.distillation.losses.outputs import (
    by_place,
    describe,
    option_by_place,
    places_of,
    select,
)


class OutputLoss(DistillationLoss):
    """A loss that compares outputs position by position, and is summed over several.

    Args:
        output: of several outputs the one to compare: its key in a dict, its index in a
            list; None for the sum over all of them.
        name: what the loss is logged as.

    Raises:
        ValueError: for an output that is no key or index.
    """

    def __init__(self, output: str | int | None, name: str):
        super().__init__(name)
        if not isinstance(output, str | int | None) or isinstance(output, bool):
            raise ValueError(f"output must be None, a name or an index; got {output!r}")
        self.output = output

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
            teacher_outputs: float [batch, positions..., units], or a structure
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
        compare = self._comparisons(teachers)
        losses = [tf.zeros(())]
        for place, function in compare.items():
            teacher, student = map(tf.convert_to_tensor, (teachers[place], students[place]))
            self._check_shapes(place, teacher, student)
            values = function(tf.stop_gradient(teacher), student)
            losses.append(self._average(values, weights[place], masks[place]))
        return tf.add_n(losses)

    _average = staticmethod(batch_mean)

    @abc.abstractmethod
    def _comparisons(self, places) -> dict[str, Any]:
        """For each place that counts, what makes of two tensors float32 [batch, positions...]."""

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Raises ValueError when the compared outputs have different structures."""
        super().validate_outputs(
            select(teacher_outputs, self.output), select(student_outputs, self.output)
        )

    def places(self, outputs: Collection[str]) -> dict[str, str]:
        """Where it compares, as `places_of`.

        Args:
            outputs: the places of all outputs of a model.
        """
        return places_of(self.output, outputs)

    def _check_shapes(self, place: str, teacher: tf.Tensor, student: tf.Tensor) -> None:
        if not teacher.shape.is_compatible_with(student.shape):
            raise ValueError(
                f"teacher and student must give outputs{place} of the same shape; the teacher "
                f"gives {describe(teacher)}, the student {describe(student)}"
            )
        if student.shape.rank < 2:
            raise ValueError(
                f"{type(self).__name__} compares outputs [batch, positions..., units]; "
                f"got {describe(student)}"
            )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output": self.output}
