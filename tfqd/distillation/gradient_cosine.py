"""Whether two losses pull a model's weights the same way."""

import tensorflow as tf


def gradient_cosine(tape: tf.GradientTape, hard, soft, weights) -> tf.Tensor:
    """The cosine between two losses' gradients to all weights together."""
    zeros = tf.UnconnectedGradients.ZERO
    one, other = (
        tape.gradient(loss, weights, unconnected_gradients=zeros) for loss in (hard, soft)
    )
    one, other = map(_flat, (one, other))
    product = tf.reduce_sum(one * other)
    return tf.math.divide_no_nan(product, tf.norm(one) * tf.norm(other))


def _flat(gradients) -> tf.Tensor:
    dense = [tf.cast(tf.convert_to_tensor(gradient), tf.float32) for gradient in gradients]
    return tf.concat([tf.reshape(gradient, [-1]) for gradient in dense], axis=0)
