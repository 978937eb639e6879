"""Similarity-preserving distillation: what is alike to the teacher stays alike."""

import keras
import tensorflow as tf

from tfqd.distillation.losses.pairs import PairLoss


@keras.saving.register_keras_serializable(package="tfqd")
class SimilarityPreserving(PairLoss):
    """The squared difference between the samples' similarities in a batch.

    After Tung and Mori 2019, arXiv 1907.09682: ||G_T - G_S||_F^2 / B^2, where
    G = A A^T, of one row of features A a sample, with rows scaled to an l2 norm
    of 1. The layers' sizes need not fit together.

    It compares pairs of samples: larger batches say more, and a sample of
    weight w counts like w copies of it, w = 0 takes it out of the batch.

    The arguments are those of `PairLoss`.

    Example:

    >>> loss = SimilarityPreserving("dense", "dense")
    >>> distiller = tfqd.Distiller(teacher, quantized, loss)
    >>> distiller.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    """

    def __init__(
        self,
        teacher_layer_name: str | None = None,
        student_layer_name: str | None = None,
        *,
        name: str = "similarity_preserving",
    ):
        super().__init__(teacher_layer_name, student_layer_name, name)

    def _relations(self, features: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """The scalar products of all pairs of rows, each row of them of norm 1."""
        products = tf.matmul(features, features, transpose_b=True)
        squares = tf.linalg.matvec(products**2, weights)[:, tf.newaxis]
        return products * tf.math.rsqrt(tf.maximum(squares, 1e-12))

    def _difference(self, taught: tf.Tensor, learnt: tf.Tensor) -> tf.Tensor:
        return tf.math.squared_difference(taught, learnt)
