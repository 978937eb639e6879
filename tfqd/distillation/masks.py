"""Which mask counts where features of two models are compared."""

import tensorflow as tf

from tfqd.distillation.losses.pairs import PairLoss


def mask_of_both(loss, taught: tuple, learnt: tuple) -> tf.Tensor | None:
    """The mask of the student's features, where it has the axes of both models' features.

    Args:
        loss: what compares them.
        taught: the teacher's features and their mask, or None for it.
        learnt: the same of the student.

    Returns:
        bool [batch, positions...]; None where the student's layer passes no mask, or the
        features have other axes than it.
    """
    (teacher, teacher_mask), (student, mask) = taught, learnt
    if not all(tf.is_tensor(each) for each in (teacher, student, mask)):
        return None
    if not _has_axes(student, mask) or not _has_axes(teacher, mask):
        return None
    # Pairs of samples are compared whatever the models' numbers of positions.
    unknown = None in teacher.shape[1 : mask.shape.rank].as_list()
    if unknown and isinstance(loss, PairLoss) and teacher_mask is None:
        return None
    return mask


def _has_axes(features: tf.Tensor, mask: tf.Tensor) -> bool:
    """Whether the mask's axes are the first of the features', whose last are channels."""
    rank = mask.shape.rank
    if rank is None or features.shape.rank is None or not 1 <= rank < features.shape.rank:
        return False
    return mask.shape.is_compatible_with(features.shape[:rank])
