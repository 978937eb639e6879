"""A first training step that is traced once.

Keras makes the variables of the optimizer and of metrics that go by a name while it traces the
step, and TensorFlow traces a function that has made variables a second time.
"""

import functools
from typing import Any

import keras
import tensorflow as tf

from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.own_steps import own_steps


class TracesOnce:
    """Mixin: a Keras 3 model that makes these variables right before its first step."""

    train_function: Any

    def make_train_function(self, force: bool = False) -> None:
        """Like that of ``keras.Model``."""
        before = self.train_function
        keras.Model.make_train_function(self, force)
        train = self.train_function
        if train is before or own_steps(self):
            return

        @functools.wraps(train)
        def train_function(iterator):
            self.train_function = train  # for the steps that follow
            _build_metrics(self, getattr(iterator, "element_spec", None))
            _build_optimizer(self)
            return train(iterator)

        self.train_function = train_function


def _build_metrics(model: keras.Model, batch: Any) -> None:
    """Makes the metrics' variables, if the model has one output and `batch` tells of labels."""
    metrics = model._compile_metrics
    if metrics is None or metrics.built or not isinstance(batch, tuple):
        return
    _, labels, _ = keras.utils.unpack_x_y_sample_weight(batch)
    # A Distiller answers as its student.
    outputs = getattr(getattr(model, "student", model), "output_shape", None)
    is_one = isinstance(outputs, tuple) and not any(isinstance(part, tuple) for part in outputs)
    if is_one and isinstance(labels, tf.TensorSpec) and labels.shape.rank is not None:
        metrics.build(keras.KerasTensor(tuple(labels.shape)), keras.KerasTensor(outputs))


def _build_optimizer(model: keras.Model) -> None:
    """Makes the optimizer's variables, as Keras does, if all variables that it moves are there."""
    optimizer = model.optimizer
    if optimizer is None or optimizer.built:
        return
    variables = model.trainable_variables
    if variables and all(part.built for part in all_layers(model)):
        with keras.name_scope(optimizer.name, caller=optimizer):
            optimizer.build(variables)
