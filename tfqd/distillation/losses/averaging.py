"""From losses of samples or positions to one number a batch.

Weights stand above the fraction bar only: a batch's sum is divided by how many
there are, as in Keras' ``sum_over_batch_size``, so a weight of 0 leaves its
sample in the count, while a masked position is not counted.
"""

import tensorflow as tf


def batch_mean(values: tf.Tensor, sample_weight=None, mask=None) -> tf.Tensor:
    """The mean over the batch of every sample's mean over its unmasked positions.

    A sample without an unmasked position counts as 0.

    Args:
        values: float32 [batch, positions...].
        sample_weight: None, or numbers [batch] or [batch, positions...].
        mask: None, or bool [batch] or [batch, positions...].

    Returns:
        A float32 scalar; 0 for an empty batch.

    Raises:
        ValueError: when a shape does not fit.
    """
    weighted, counted = _weigh(values, sample_weight, mask)
    positions = list(range(1, values.shape.rank))
    per_sample = tf.math.divide_no_nan(
        tf.reduce_sum(weighted, positions), tf.reduce_sum(counted, positions)
    )
    return _ratio(per_sample, tf.ones_like(per_sample))


def position_mean(values: tf.Tensor, sample_weight=None, mask=None) -> tf.Tensor:
    """The mean over all unmasked positions of the batch: long samples count more.

    Args, Returns and Raises: as `batch_mean`.
    """
    return _ratio(*_weigh(values, sample_weight, mask))


def spread(what: str, option, values: tf.Tensor) -> tf.Tensor:
    """An option of samples or positions, for every position of `values`.

    Args:
        what: the option's name, for errors.
        option: of shape [batch] or [batch, positions...]; a last axis of 1 more
            is dropped.
        values: [batch, positions...].

    Returns:
        float32 of the shape of `values`.

    Raises:
        ValueError: when the option has another shape.
    """
    option = tf.cast(option, tf.float32)
    rank = values.shape.rank
    if option.shape.rank == rank + 1 and option.shape[-1] == 1:
        option = tf.squeeze(option, -1)
    if not _spreads(option.shape, values.shape):
        raise ValueError(
            f"{what} must have the shape of the batch and its positions, {tuple(values.shape)}, "
            f"or the first axes of it; got {tuple(option.shape)}"
        )
    option = option[(..., *[tf.newaxis] * (rank - option.shape.rank))]
    return tf.broadcast_to(option, tf.shape(values))


def _spreads(shape: tf.TensorShape, target: tf.TensorShape) -> bool:
    if not 1 <= shape.rank <= target.rank or not shape[:1].is_compatible_with(target[:1]):
        return False
    positions = zip(shape[1:], target[1:], strict=False)
    return all(size in (1, None, wanted) or wanted is None for size, wanted in positions)


def _weigh(values, sample_weight, mask) -> tuple[tf.Tensor, tf.Tensor]:
    """Weighted values, and 1 for each that counts."""
    counted = tf.ones_like(values)
    if sample_weight is not None:
        values *= spread("sample_weight", sample_weight, values)
    if mask is not None:
        counted = spread("mask", mask, values)
        values = tf.where(counted > 0, values, 0.0)
    return values, counted


def _ratio(values, counted) -> tf.Tensor:
    return tf.math.divide_no_nan(tf.reduce_sum(values), tf.reduce_sum(counted))
