"""The soft loss of models whose outputs are numbers, not classes."""

from typing import Any

import keras
import tensorflow as tf

from tfqd.distillation.losses.output_loss import OutputLoss
from tfqd.spec.checks import check_choice

_DISTANCES = {"mse": tf.square, "mae": tf.abs}


@keras.saving.register_keras_serializable(package="tfqd")
class RegressionDistillation(OutputLoss):
    """The distance of the student's outputs from the teacher's, as they are.

    For regression, whose outputs no softmax may squash: the mean over the units of
    (s - t)^2, which Ba and Caruana 2014 (arXiv 1312.6184, Eq. 1, there half a sum) teach by.
    It has the scale of the hard loss of the same name, so that `student_loss_weight`
    says what counts how much.

    Args:
        loss: "mse" or "mae".
        output: of several outputs the one to compare: its key in a dict, its index in a
            list; None for the sum over all of them.
        name: what the loss is logged as.

    Raises:
        ValueError: for an unknown loss, or an output that is no key or index.

    Example:

    >>> teacher, student = tf.constant([[1.0], [2.0]]), tf.constant([[1.5], [2.0]])
    >>> float(RegressionDistillation().compute_loss(teacher, student))
    0.125
    """

    def __init__(
        self,
        loss: str = "mse",
        *,
        output: str | int | None = None,
        name: str = "regression_distillation",
    ):
        super().__init__(output, name)
        check_choice("loss", loss, tuple(_DISTANCES))
        self.loss = loss

    def _comparisons(self, places) -> dict[str, Any]:
        return dict.fromkeys(places, self._distance)

    def _distance(self, teacher: tf.Tensor, student: tf.Tensor) -> tf.Tensor:
        difference = tf.cast(student, tf.float32) - tf.cast(teacher, tf.float32)
        return tf.reduce_mean(_DISTANCES[self.loss](difference), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "loss": self.loss}
