"""Telling probabilities from logits, and making log probabilities of either."""

import numpy as np
import tensorflow as tf

SMALLEST = 1e-7


def looks_like_probabilities(array: np.ndarray) -> bool:
    """Whether every row is without negative numbers and sums to 1, within 1e-3.

    Args:
        array: numbers [..., classes]. One class alone is never a distribution:
            the outputs of a single sigmoid cannot be told from logits.

    Example:

    >>> looks_like_probabilities([[0.2, 0.8]]), looks_like_probabilities([[-2.0, 3.0]])
    (True, False)
    """
    array = np.asarray(array, dtype=np.float64)
    if array.size == 0 or array.ndim == 0 or array.shape[-1] == 1:
        return False
    return bool((array >= 0).all() and (np.abs(array.sum(-1) - 1) <= 1e-3).all())


def log_probabilities(outputs, from_logits: bool, temperature: float) -> tf.Tensor:
    """log softmax(z / T) of a model's outputs.

    Args:
        outputs: float [..., classes], logits or probabilities. Of a single
            unit, the logit or the probability of the first of two classes.
        from_logits: whether they are logits z; probabilities p count as log p.
        temperature: T.

    Returns:
        float32 [..., classes].
    """
    outputs = tf.cast(outputs, tf.float32)
    if outputs.shape[-1] == 1:
        other = tf.zeros_like(outputs) if from_logits else 1 - outputs
        outputs = tf.concat([outputs, other], axis=-1)
    if not from_logits:
        outputs = tf.math.log(tf.maximum(outputs, SMALLEST))
    return tf.nn.log_softmax(outputs / temperature, axis=-1)
