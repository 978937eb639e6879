"""`tfqd.wrapping.protocols.Training` for tf_keras."""

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from tfqd.batches import example_count
from tfqd.wrapping.tf_keras.insides import losses_utils
from tfqd.wrapping.unpruned import Unpruned

serializable = tf_keras.saving.register_keras_serializable(package="tfqd")


class TrainedModel(tf_keras.Model):
    """A model that computes its total loss itself and logs that as ``loss``."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.loss_tracker = mean_metric("loss")

    @property
    def metrics(self) -> list[tf_keras.metrics.Metric]:
        """As ever, but for the compiled loss' own mean, which is a part of the total."""
        compiled = getattr(self, "compiled_loss", None)
        part = None if compiled is None else compiled._total_loss_mean
        return [metric for metric in super().metrics if metric is not part]

    @functools.wraps(tf_keras.Model.fit)
    def fit(self, *args, **kwargs):
        try:
            return super().fit(*args, **kwargs)
        except Exception:
            # TensorFlow refuses variables to a function whose first trace has failed.
            self.train_function = None
            raise

    def track_loss(self, loss: tf.Tensor, x) -> None:
        """Logs the total loss of a batch."""
        self.loss_tracker.update_state(mean_of_replica(loss), example_count(x))


def has_loss(model: tf_keras.Model) -> bool:
    """Whether the model was compiled with a loss."""
    return model.loss is not None


def supervised_loss(model: tf_keras.Model, y, y_pred, sample_weight) -> tf.Tensor:
    """The loss that the model was compiled with, without penalties: a scalar.

    It is divided by the number of replicas, whose gradients are summed.
    """
    return model.compiled_loss(y, y_pred, sample_weight)


def penalties(model: tf_keras.Model) -> tf.Tensor:
    """The regularization and ``add_loss`` terms of what is trained, summed: a scalar."""
    trained = model.student.losses
    if isinstance(model.teacher, Unpruned):
        trained = trained + model.teacher.losses
    losses = [tf.cast(loss, tf.float32) for loss in trained]
    return share_of_replica(tf.add_n([tf.zeros(()), *losses]))


def share_of_replica(loss: tf.Tensor) -> tf.Tensor:
    """A mean over this replica's samples, as its share of the mean over all replicas'."""
    return losses_utils.scale_loss_for_distribution(loss)


def mean_of_replica(loss: tf.Tensor) -> tf.Tensor:
    """The inverse of `share_of_replica`: what metrics, which average, are to see."""
    return loss * tf.cast(tf.distribute.get_strategy().num_replicas_in_sync, loss.dtype)


def mask_of(outputs):
    """The masks that tf_keras has put on a structure of tensors; None where it has none."""
    return tf.nest.map_structure(lambda tensor: getattr(tensor, "_keras_mask", None), outputs)


def inference(model: tf_keras.Model, inputs, keep: Sequence[tf.Variable] = ()) -> Any:
    """The outputs in inference mode; tf_keras may leave a trace in all of the model's state."""
    return model(inputs, training=False)


def values(variables: list[tf.Variable]) -> list[tf.Variable]:
    """What a gradient tape watches of the variables."""
    return list(variables)


def mean_metric(name: str) -> tf_keras.metrics.Mean:
    """A metric that averages what it is given."""
    return tf_keras.metrics.Mean(name=name)


def serialize(model: tf_keras.Model) -> dict[str, Any]:
    """A model's configuration, as JSON values."""
    return tf_keras.saving.serialize_keras_object(model)


def deserialize(config: dict[str, Any], custom_objects=None) -> tf_keras.Model:
    """The model that `serialize` was given."""
    return tf_keras.saving.deserialize_keras_object(config, custom_objects)


def steps_per_execution(model: tf_keras.Model) -> int | str:
    """The steps between two batch hooks; ``"auto"`` where Keras chooses them."""
    if model._autotune_steps_per_execution:
        return "auto"
    return int(tf.convert_to_tensor(model._steps_per_execution))
