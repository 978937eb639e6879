"""Which Keras a model is of: the one place that asks."""

import functools
from typing import Any

import keras

from tfqd.extras import needing
from tfqd.wrapping.keras3 import building, serving, training
from tfqd.wrapping.protocols import KerasVersion

KERAS3 = KerasVersion("keras", "Keras 3", keras.Model, building, training, serving)


def version_of(model: Any) -> KerasVersion:
    """The Keras version of a model.

    Imports tf_keras and tfmot for their models only.

    Raises:
        TypeError: when `model` is no Keras model.
        ModuleNotFoundError: for a tf_keras model, without tfmot.
    """
    version = find_version(model)
    if version is None:
        raise TypeError(f"model must be a Keras model; got {type(model).__name__}: {model!r:.80}")
    return version


def find_version(model: Any) -> KerasVersion | None:
    """As `version_of`, but None for what is no Keras model."""
    if isinstance(model, keras.Model):
        return KERAS3
    if any(cls.__module__.split(".")[0] == "tf_keras" for cls in type(model).__mro__):
        version = version_named("tf_keras")
        if isinstance(model, version.Model):
            return version
    return None


@functools.cache
def version_named(name: str) -> KerasVersion:
    """The version that `tfqd.CompressedModel.keras_version` calls `name`."""
    if name != "tf_keras":
        return KERAS3
    with needing("tfmot", "tf_keras (Keras 2) models"):
        import tf_keras

    from tfqd.wrapping.tf_keras import building, serving, training  # Imports tfmot.

    return KerasVersion("tf_keras", "tf_keras", tf_keras.Model, building, training, serving)
