"""The contract of every distillation loss."""

import abc
from typing import Any

import keras
import tensorflow as tf

from tfqd.distillation.losses.outputs import check_same_places


class DistillationLoss(keras.distillation.DistillationLoss, abc.ABC):
    """What a student learns from its teacher, as one number a batch.

    A loss of Keras, and so at home in ``keras.distillation.Distiller`` too;
    beyond that it takes sample weights and masks, and may train variables of
    its own. One object serves Keras 3 and tf_keras: it computes with plain
    TensorFlow and creates variables through the ``add_weight`` it is given.

    Args:
        name: what the loss is logged as.

    Attributes:
        teacher_layer_name: the teacher's layer whose output the loss sees; None
            for the model's final outputs.
        student_layer_name: the same of the student.

    Raises:
        ValueError: for a name that is no text.
    """

    teacher_layer_name: str | None = None
    student_layer_name: str | None = None

    def __init__(self, name: str):
        if not isinstance(name, str) or not name:
            raise ValueError(f"name must be a text that is not empty; got {name!r}")
        self.name = name

    def build(self, teacher_shape: Any, student_shape: Any, owner: Any) -> dict[str, Any]:
        """Creates the loss's variables; most losses have none.

        Args:
            teacher_shape: static shape of the teacher's outputs, None where it varies.
            student_shape: static shape of the student's outputs.
            owner: whatever has Keras' ``add_weight``.

        Returns:
            The variables by role, to be handed to `compute_loss` as `state`.

        Raises:
            ValueError: when the loss cannot compare outputs of these shapes.
        """
        return {}

    @abc.abstractmethod
    def compute_loss(
        self,
        teacher_outputs: Any,
        student_outputs: Any,
        *,
        sample_weight: Any = None,
        mask: Any = None,
        state: dict[str, Any] | None = None,
    ) -> tf.Tensor:
        """The loss of a batch: the sum of weight times loss, over the batch size.

        No gradient flows to the teacher.

        Args:
            teacher_outputs: the teacher's outputs, or those of the layer named.
            student_outputs: the student's.
            sample_weight: None, or numbers [batch]; losses that judge each
                position also take [batch, positions...].
            mask: None, or bool [batch, positions...], False where the outputs
                are padding.
            state: what `build` returned.

        Returns:
            A float32 scalar.

        Raises:
            ValueError: when the shapes do not fit together.
        """

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Raises ValueError when the two models' outputs have different structures."""
        check_same_places(teacher_outputs, student_outputs)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DistillationLoss":
        return cls(**config)
