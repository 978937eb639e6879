"""What the writers of files ask of a plain model, of Keras 3 or tf_keras."""

import contextlib
import json
import pathlib
import zipfile
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf


@contextlib.contextmanager
def reading(model, values: Sequence[tf.Tensor]) -> Iterator[None]:
    """While it is open, the model computes with `values` in place of its weights.

    Args:
        model: a plain model, to be called in inference.
        values: in the order of ``model.weights``, in whatever floating-point
            type. Those of `own_variables` are not looked at.
    """
    if not isinstance(model, keras.Model):
        from tfqd.wrapping.tf_keras import serving

        with serving.reading(model, values):
            yield
        return
    # Added rather than handed to the constructor, which would cast each value to
    # its variable's type: weights of short types stay short.
    scope = keras.StatelessScope(initialize_variables=False)
    for variable, value in zip(model.weights, values, strict=True):
        scope.add_update((variable, value))
    for variable, value in _seeds(model):
        scope.add_update((variable, tf.constant(value)))
    with scope:
        yield


def own_variables(model) -> list[tf.Variable]:
    """The weights that a model reads as variables whatever is put in their place.

    Those of tfmot's activation quantizers are; of Keras 3 none.
    """
    if isinstance(model, keras.Model):
        return []
    from tfqd.wrapping.tf_keras import serving

    return serving.own_variables(model)


def load_keras_file(path: pathlib.Path):
    """The model in a ``.keras`` file, of the Keras version that wrote it."""
    with zipfile.ZipFile(path) as archive:
        version = json.loads(archive.read("metadata.json"))["keras_version"]
    if not version.startswith("2."):
        return keras.saving.load_model(path)
    from tfqd.wrapping.tf_keras import serving

    return serving.load_keras_file(path)


def _seeds(model: keras.Model) -> list[tuple[keras.Variable, np.ndarray]]:
    """The variables that are no weights, which inference draws nothing from."""
    weights = {id(variable) for variable in model.weights}
    with tf.init_scope():  # the call may be under way of being traced
        return [(v, v.numpy()) for v in model.variables if id(v) not in weights]
