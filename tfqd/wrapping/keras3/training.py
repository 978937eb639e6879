"""`tfqd.wrapping.protocols.Training` for Keras 3."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfqd.wrapping.keras3.insides import (
    get_keras_mask,
    scale_loss_for_distribution,
    unscale_loss_for_distribution,
)


def has_loss(model: keras.Model) -> bool:
    """Whether the model was compiled with a loss."""
    return model._compile_loss is not None


def supervised_loss(model: keras.Model, y, y_pred, sample_weight) -> tf.Tensor:
    """The loss that the model was compiled with, without penalties: a float32 scalar.

    Like every Keras loss it is divided by the number of replicas, whose
    gradients are summed.
    """
    return tf.cast(model._compile_loss(y, y_pred, sample_weight), tf.float32)


def penalties(model: keras.Model) -> tf.Tensor:
    """The model's regularization and ``add_loss`` terms, summed: a float32 scalar."""
    losses = map(model._aggregate_additional_loss, model.losses)
    return tf.add_n([tf.zeros(()), *(tf.cast(loss, tf.float32) for loss in losses)])


def share_of_replica(loss: tf.Tensor) -> tf.Tensor:
    """A mean over this replica's samples, as its share of the mean over all replicas'."""
    return scale_loss_for_distribution(loss)


def mean_of_replica(loss: tf.Tensor) -> tf.Tensor:
    """The inverse of `share_of_replica`: what metrics, which average, are to see."""
    return unscale_loss_for_distribution(loss)


def mask_of(outputs):
    """The masks that Keras has put on a structure of tensors; None where it has none."""
    return keras.tree.map_structure(get_keras_mask, outputs)


def inference(model: keras.Model, inputs, keep: Sequence[keras.Variable] = ()) -> Any:
    """The outputs in inference mode, without a trace in the model's state but in `keep`."""
    # Callables other than models, and models with a call of their own, may differ.
    takes_training = getattr(model, "_call_has_training_arg", True)
    # The scope drops whatever the model would assign or add as a loss.
    with keras.StatelessScope() as scope:
        outputs = model(inputs, **({"training": False} if takes_training else {}))
    for variable in keep:
        value = scope.get_current_value(variable)
        if value is not None:
            variable.assign(value)
    return outputs


def mean_metric(name: str) -> keras.metrics.Mean:
    """A metric that averages what it is given."""
    return keras.metrics.Mean(name=name)


def serialize(model: keras.Model) -> dict[str, Any]:
    """A model's configuration, as JSON values."""
    return keras.saving.serialize_keras_object(model)


def deserialize(config: dict[str, Any], custom_objects=None) -> keras.Model:
    """The model that `serialize` was given."""
    return keras.saving.deserialize_keras_object(config, custom_objects)


def values(variables: list[keras.Variable]) -> list[tf.Variable]:
    """What a gradient tape watches of the variables."""
    return [variable.value for variable in variables]


def steps_per_execution(model: keras.Model) -> int | str:
    """The steps between two batch hooks; ``"auto"`` where Keras chooses them."""
    return model.steps_per_execution
