"""What the writers of files ask of a plain model, of Keras 3 or tf_keras."""

import contextlib
import json
import pathlib
import zipfile
from collections.abc import Sequence

import tensorflow as tf

from tfqd.wrapping.version import version_named, version_of


def reading(model, values: Sequence[tf.Tensor]) -> contextlib.AbstractContextManager[None]:
    """While it is open, the model computes with `values` in place of its weights.

    Args:
        model: a plain model, to be called in inference.
        values: in the order of ``model.weights``, in whatever floating-point
            type. Those of `own_variables` are not looked at.
    """
    return version_of(model).serving.reading(model, values)


def own_variables(model) -> list[tf.Variable]:
    """The weights that a model reads as variables whatever is put in their place.

    Those of tfmot's activation quantizers are; of Keras 3 none.
    """
    return version_of(model).serving.own_variables(model)


def load_keras_file(path: pathlib.Path):
    """The model in a ``.keras`` file, of the Keras version that wrote it."""
    with zipfile.ZipFile(path) as archive:
        number = json.loads(archive.read("metadata.json"))["keras_version"]
    name = "tf_keras" if number.startswith("2.") else "keras"
    return version_named(name).serving.load_keras_file(path)
