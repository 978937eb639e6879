"""What the losses on pairs of samples have in common.

They compare every sample of a batch with every other. A sample of weight w
counts like w copies of it: w times as the one that learns, and as one of those
that it is compared with. So a weight of 0 takes a sample out of the batch.
"""

import abc
from typing import Any

import tensorflow as tf

from tfqd.distillation.losses.averaging import spread
from tfqd.distillation.losses.feature_loss import FeatureLoss


class PairLoss(FeatureLoss):
    """A loss on what each model makes of all pairs of a batch's samples.

    Args:
        teacher_layer_name: the teacher's layer to learn from; None for its output.
        student_layer_name: the student's layer that learns; None for its output.
        name: what the loss is logged as.

    Raises:
        ValueError: for a name that is no text.
    """

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
        weights = copies(flatten(student, None), sample_weight)
        taught = self._relations(flatten(teacher, mask), weights)
        learnt = self._relations(flatten(student, mask), weights)
        return pair_mean(self._difference(taught, learnt), weights)

    @abc.abstractmethod
    def _relations(self, features: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """A number for each pair: float32 [batch, batch].

        Args:
            features: float32 [batch, size].
            weights: float32 [batch].
        """

    @abc.abstractmethod
    def _difference(self, taught: tf.Tensor, learnt: tf.Tensor) -> tf.Tensor:
        """How far apart the models' numbers are, pair by pair."""


def flatten(features: tf.Tensor, mask) -> tf.Tensor:
    """A row for each sample, float32 [batch, size], zero where masked.

    Args:
        features: float32 [batch, positions..., channels].
        mask: None, or bool [batch, positions...].
    """
    if mask is not None:
        features *= spread("mask", mask, features[..., 0])[..., tf.newaxis]
    return tf.reshape(features, [tf.shape(features)[0], -1])


def copies(features: tf.Tensor, sample_weight) -> tf.Tensor:
    """The samples' weights, float32 [batch]; 1 where none are given."""
    ones = tf.ones_like(features[:, 0])
    return ones if sample_weight is None else spread("sample_weight", sample_weight, ones)


def pair_mean(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """The mean over the batch of each sample's weighted mean over its partners.

    1/B sum_i w_i (sum_j w_j v_ij / sum_j w_j)

    Args:
        values: float32 [batch, batch].
        weights: float32 [batch].

    Returns:
        A float32 scalar.
    """
    per_sample = tf.math.divide_no_nan(tf.linalg.matvec(values, weights), tf.reduce_sum(weights))
    total = tf.reduce_sum(weights * per_sample)
    return tf.math.divide_no_nan(total, tf.cast(tf.size(weights), tf.float32))
