"""The parts of a compiled Keras 3 model's loss, apart."""

import keras
import tensorflow as tf


def supervised_loss(model: keras.Model, y, y_pred, sample_weight) -> tf.Tensor:
    """The loss that the model was compiled with, without penalties: a scalar."""
    return model._compile_loss(y, y_pred, sample_weight)


def penalties(model: keras.Model) -> tf.Tensor:
    """The model's regularization and ``add_loss`` terms, summed: a scalar."""
    return tf.add_n([tf.zeros(()), *map(model._aggregate_additional_loss, model.losses)])
