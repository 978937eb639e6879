"""Relational distillation: what is far apart for the teacher stays far apart."""

import keras
import tensorflow as tf

from tfqd.distillation.losses import pairs
from tfqd.distillation.losses.feature_loss import FeatureLoss


@keras.saving.register_keras_serializable(package="tfqd")
class RelationalDistillation(FeatureLoss):
    """The Huber loss between the samples' distances in a batch.

    The distance-wise loss of Park et al. 2019, arXiv 1904.05068 (not the
    angle-wise one, which needs B^3 numbers for a batch of B). Distances are
    Euclidean, between the samples' flattened features, and divided by their mean
    over the pairs that are apart; the teacher's and the student's are compared
    by the Huber loss with delta 1, averaged over all B^2 pairs. The layers'
    sizes need not fit together.

    It compares pairs of samples: larger batches say more, and a sample of
    weight w counts like w copies of it, w = 0 takes it out of the batch.

    Args:
        teacher_layer_name: the teacher's layer to learn from; None for its output.
        student_layer_name: the student's layer that learns; None for its output.
        name: what the loss is logged as.

    Raises:
        ValueError: for a name that is no text.
    """

    def __init__(
        self,
        teacher_layer_name: str | None = None,
        student_layer_name: str | None = None,
        name: str = "relational_distillation",
    ):
        super().__init__(teacher_layer_name, student_layer_name, name)

    def compute_loss(
        self, teacher_outputs, student_outputs, *, sample_weight=None, mask=None, state=None
    ) -> tf.Tensor:
        """The loss of a batch.

        Args:
            teacher_outputs: float [batch, ...].
            student_outputs: float [batch, ...].
            sample_weight: None, or numbers [batch].
            mask: None, or bool [batch, positions...] of both; masked features
                count as 0.
            state: not used.

        Returns:
            A float32 scalar.

        Raises:
            ValueError: when a weight or mask does not fit.
        """
        teacher, student = self._read(teacher_outputs, student_outputs)
        weights = pairs.copies(pairs.flatten(student, None), sample_weight)
        difference = tf.abs(
            _relative_distances(pairs.flatten(teacher, mask), weights)
            - _relative_distances(pairs.flatten(student, mask), weights)
        )
        huber = tf.where(difference < 1, 0.5 * difference**2, difference - 0.5)
        return pairs.pair_mean(huber, weights)


def _relative_distances(features: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """The distances of all pairs of rows, over their mean: float32 [batch, batch]."""
    # Around their mean, so that the difference of squares cancels fewer digits.
    features -= tf.reduce_mean(features, axis=0)
    squares = tf.reduce_sum(features**2, axis=1)
    sums = squares[:, tf.newaxis] + squares
    squared = sums - 2 * tf.matmul(features, features, transpose_b=True)
    # What is left of the cancelled digits is no distance, and its root has no gradient.
    apart = squared > 1e-5 * sums
    distances = tf.where(apart, tf.sqrt(tf.where(apart, squared, 1.0)), 0.0)
    pairs_weights = weights[:, tf.newaxis] * weights
    mean = tf.math.divide_no_nan(
        tf.reduce_sum(pairs_weights * distances),
        tf.reduce_sum(tf.where(apart, pairs_weights, 0.0)),
    )
    return tf.math.divide_no_nan(distances, mean)
