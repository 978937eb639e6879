"""Relational distillation: what is far apart for the teacher stays far apart."""

import keras
import tensorflow as tf

from tfqd.distillation.losses.pairs import PairLoss


@keras.saving.register_keras_serializable(package="tfqd")
class RelationalDistillation(PairLoss):
    """The Huber loss between the samples' distances in a batch.

    The distance-wise loss of Park et al. 2019, arXiv 1904.05068 (not the
    angle-wise one, which needs B^3 numbers for a batch of B). Distances are
    Euclidean, between the samples' flattened features, and divided by their mean
    over the pairs that are apart; the teacher's and the student's are compared
    by the Huber loss with delta 1, averaged over all B^2 pairs. The layers'
    sizes need not fit together.

    It compares pairs of samples: larger batches say more, and a sample of
    weight w counts like w copies of it, w = 0 takes it out of the batch.

    The arguments are those of `PairLoss`.

    Example:

    >>> loss = RelationalDistillation("dense", "dense")
    >>> distiller = tfqd.Distiller(teacher, quantized, loss)
    >>> distiller.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    """

    def __init__(
        self,
        teacher_layer_name: str | None = None,
        student_layer_name: str | None = None,
        *,
        name: str = "relational_distillation",
    ):
        super().__init__(teacher_layer_name, student_layer_name, name)

    def _relations(self, features: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
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

    def _difference(self, taught: tf.Tensor, learnt: tf.Tensor) -> tf.Tensor:
        difference = tf.abs(taught - learnt)
        return tf.where(difference < 1, 0.5 * difference**2, difference - 0.5)
