"""Attention transfer: the student looks where the teacher looks."""

from typing import Any

import keras
import tensorflow as tf

from tfqd.distillation.losses.averaging import batch_mean, spread
from tfqd.distillation.losses.feature_loss import FeatureLoss
from tfqd.distillation.losses.positions import match_positions
from tfqd.spec.checks import is_number


@keras.saving.register_keras_serializable(package="tfqd")
class AttentionTransfer(FeatureLoss):
    """The squared distance between normalized attention maps.

    After Zagoruyko and Komodakis 2017, arXiv 1612.03928. A sample's map is
    sum_c |A_c|^p over the channels, scaled to an l2 norm of 1, so the models'
    widths do not matter. The loss is the paper's, the norm of the difference,
    squared: a **sum** over the positions. The authors' code takes the mean over
    them instead: their weight of 1000 is 1000 / (height x width) here.

    Maps of unequal size are compared at the smaller one's positions, when the
    sizes are integer multiples: the larger features are averaged.

    Args:
        teacher_layer_name: the teacher's layer to learn from; None for its output.
        student_layer_name: the student's layer that learns; None for its output.
        p: the power, at least 1; the higher, the more the strongest count.
        name: what the loss is logged as.

    Raises:
        ValueError: for a power below 1, or a name that is no text.

    Example:

    >>> import tensorflow as tf
    >>> features = tf.random.stateless_normal((2, 4, 4, 8), (1, 2))
    >>> loss = AttentionTransfer("conv", "conv")
    >>> float(loss.compute_loss(features, 3 * features)) < 1e-6  # maps are normalized
    True
    """

    def __init__(
        self,
        teacher_layer_name: str | None = None,
        student_layer_name: str | None = None,
        *,
        p: float = 2,
        name: str = "attention_transfer",
    ):
        super().__init__(teacher_layer_name, student_layer_name, name)
        if not is_number(p, 1):
            raise ValueError(f"p must be a number, at least 1; got {p!r}")
        self.p = float(p)

    def build(self, teacher_shape: Any, student_shape: Any, owner: Any) -> dict[str, Any]:
        """Creates nothing, but raises ValueError for features that do not fit."""
        super().build(teacher_shape, student_shape, owner)
        self._check_maps(teacher_shape, student_shape)
        return {}

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
            teacher_outputs: float [batch, positions..., channels].
            student_outputs: the same of the student, of its own sizes.
            sample_weight: None, or numbers [batch].
            mask: None, or bool [batch, positions...] of the compared positions;
                where False, the position is in no map.
            state: not used.

        Returns:
            A float32 scalar.

        Raises:
            ValueError: when the features' shapes do not fit together.
        """
        teacher, student = self._read(teacher_outputs, student_outputs)
        self._check_maps(teacher.shape, student.shape)
        teacher, student = match_positions(teacher, student)
        maps = self._map(teacher, mask), self._map(student, mask)
        distance = tf.reduce_sum(tf.math.squared_difference(*maps), axis=1)
        return batch_mean(distance, sample_weight)

    def _map(self, features: tf.Tensor, mask) -> tf.Tensor:
        """The attention map, [batch, all positions], of norm 1."""
        attention = tf.reduce_sum(tf.abs(features) ** self.p, axis=-1)
        if mask is not None:
            attention *= spread("mask", mask, attention)
        return tf.math.l2_normalize(tf.reshape(attention, [tf.shape(attention)[0], -1]), axis=1)

    def _check_maps(self, teacher_shape, student_shape) -> None:
        if len(student_shape) < 3:
            raise ValueError(
                "attention needs features [batch, positions..., channels]; "
                + self._shapes(teacher_shape, student_shape)
            )
        self._check_positions(teacher_shape, student_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "p": self.p}
