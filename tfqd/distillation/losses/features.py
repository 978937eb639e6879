"""Hints: the student's features are drawn to the teacher's."""

from typing import Any

import keras
import tensorflow as tf

from tfqd.distillation.losses.averaging import batch_mean
from tfqd.distillation.losses.feature_loss import FeatureLoss
from tfqd.distillation.losses.positions import match_positions
from tfqd.spec.checks import check_choice, checked_bool


def _squared_error(teacher, student) -> tf.Tensor:
    return tf.reduce_mean(tf.math.squared_difference(teacher, student), axis=-1)


def _absolute_error(teacher, student) -> tf.Tensor:
    return tf.reduce_mean(tf.abs(teacher - student), axis=-1)


def _cosine_distance(teacher, student) -> tf.Tensor:
    teacher, student = (tf.math.l2_normalize(f, axis=-1) for f in (teacher, student))
    return 1 - tf.reduce_sum(teacher * student, axis=-1)


_DISTANCES = {"mse": _squared_error, "mae": _absolute_error, "cosine": _cosine_distance}


@keras.saving.register_keras_serializable(package="tfqd")
class FeatureDistillation(FeatureLoss):
    """The distance of the student's features from the teacher's (FitNets).

    After Romero et al. 2015, arXiv 1412.6550: where the student is narrower or
    wider than the teacher, a linear projection of its channels is trained with
    it, which takes the place of the paper's regressor. Distances are means over
    channels and positions; the paper's is half a sum.

    Features of unequal size are compared at the smaller one's positions, when
    the sizes are integer multiples: the larger one is averaged.

    Args:
        teacher_layer_name: the teacher's layer to learn from; None for its output.
        student_layer_name: the student's layer that learns; None for its output.
        projection: whether to train a projection where the widths differ. It
            needs `tfqd.Distiller`, which gives the loss its variables.
        loss: "mse", "mae" or "cosine" (one minus the cosine of the channels).
        name: what the loss is logged as.

    Raises:
        ValueError: for an unknown loss, or a name that is no text.

    Example:

    >>> loss = FeatureDistillation("dense", "dense")  # 64 units and 16: a projection is trained
    >>> distiller = tfqd.Distiller(teacher, quantized, loss)
    >>> distiller.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    """

    def __init__(
        self,
        teacher_layer_name: str | None = None,
        student_layer_name: str | None = None,
        *,
        projection: bool = True,
        loss: str = "mse",
        name: str = "feature_distillation",
    ):
        super().__init__(teacher_layer_name, student_layer_name, name)
        check_choice("loss", loss, tuple(_DISTANCES))
        self.projection = checked_bool("projection", projection)
        self.loss = loss

    def build(self, teacher_shape: Any, student_shape: Any, owner: Any) -> dict[str, Any]:
        """Creates the projection, float32 [student's width, teacher's], if one is needed."""
        super().build(teacher_shape, student_shape, owner)
        self._check_positions(teacher_shape, student_shape)
        widths = student_shape[-1], teacher_shape[-1]
        if widths[0] == widths[1]:
            return {}
        if not self.projection or None in widths:
            raise ValueError(
                "the features' widths must be equal without a projection, and known for one; "
                + self._shapes(teacher_shape, student_shape)
            )
        kernel = owner.add_weight(
            name=f"{self.name}_projection",
            shape=widths,
            dtype="float32",
            initializer="glorot_uniform",
            trainable=True,
        )
        return {"projection": kernel}

    def compute_loss(
        self,
        teacher_outputs: Any,
        student_outputs: Any,
        *,
        sample_weight: Any = None,
        mask: Any = None,
        state: dict[str, Any] | None = None,
    ) -> tf.Tensor:
        """The loss of a batch: the mean over it of every sample's mean distance.

        Args:
            teacher_outputs: float [batch, positions..., channels].
            student_outputs: the same of the student, of its own sizes.
            sample_weight: None, or numbers [batch] or [batch, positions...].
            mask: None, or bool [batch, positions...] of the compared positions.
            state: what `build` returned; not needed where the widths are equal.

        Returns:
            A float32 scalar.

        Raises:
            ValueError: when the features' shapes do not fit together.
        """
        teacher, student = self._read(teacher_outputs, student_outputs)
        self._check_positions(teacher.shape, student.shape)
        teacher, student = match_positions(teacher, student)
        if state:
            kernel = tf.cast(tf.convert_to_tensor(state["projection"]), tf.float32)
            student = tf.tensordot(student, kernel, axes=1)
        elif teacher.shape[-1] != student.shape[-1]:
            raise ValueError(
                "features of different widths need a projection, and its variable as `state`, "
                f"as tfqd.Distiller gives it; {self._shapes(teacher.shape, student.shape)}"
            )
        return batch_mean(_DISTANCES[self.loss](teacher, student), sample_weight, mask)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "projection": self.projection, "loss": self.loss}
