"""Similarity-preserving distillation: what is alike to the teacher stays alike."""

import keras
import tensorflow as tf

from tfqd.distillation.losses import pairs
from tfqd.distillation.losses.feature_loss import FeatureLoss


@keras.saving.register_keras_serializable(package="tfqd")
class SimilarityPreserving(FeatureLoss):
    """The squared difference between the samples' similarities in a batch.

    After Tung and Mori 2019, arXiv 1907.09682: ||G_T - G_S||_F^2 / B^2, where
    G = A A^T, of one row of features A a sample, with rows scaled to an l2 norm
    of 1. The layers' sizes need not fit together.

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
        name: str = "similarity_preserving",
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
        differences = tf.math.squared_difference(
            _similarities(pairs.flatten(teacher, mask), weights),
            _similarities(pairs.flatten(student, mask), weights),
        )
        return pairs.pair_mean(differences, weights)


def _similarities(features: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """The scalar products of all pairs of rows, each row of them of norm 1."""
    products = tf.matmul(features, features, transpose_b=True)
    squares = tf.linalg.matvec(products**2, weights)[:, tf.newaxis]
    return products * tf.math.rsqrt(tf.maximum(squares, 1e-12))
