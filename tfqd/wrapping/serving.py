"""What the writers of files ask of a plain model, of Keras 3 or tf_keras."""

import contextlib
import json
import pathlib
import zipfile
from collections.abc import Collection, Sequence

import tensorflow as tf

from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.state import variables_among
from tfqd.wrapping.version import version_named, version_of


def reading(
    model, values: Sequence[tf.Tensor], moved: Collection = ()
) -> contextlib.AbstractContextManager[None]:
    """While it is open, the model computes with `values` in place of its weights.

    Args:
        model: a plain model, to be called in inference.
        values: in the order of the variables among ``model.weights``, in whatever floating-point
            type. Those of tfmot's activation quantizers are not looked at.
        moved: the weights and seeds that stay the variables that they are, as those must that a
            call assigns; see `weights_moved` and `seeds_that_count` of `tfqd.wrapping.state`.
    """
    own = {id(variable) for variable in moved}
    pairs = zip(variables_among(model.weights), values, strict=True)
    kept = [(variable, value) for variable, value in pairs if id(variable) not in own]
    return version_of(model).serving.reading(model, kept, moved)


def resources_of(function: tf.types.experimental.ConcreteFunction) -> list:
    """The variables and tables that a function reads, for a SavedModel to track.

    Vocabularies are in such tables, and states of recurrent layers in such variables.
    """
    parents = [getattr(each, "_parent_trackable", None) for each in function.captured_inputs]
    return [*function.variables, *(parent() for parent in parents if parent is not None)]


def layer_names(model) -> list[str]:
    """The names of a model's layers, of those in other layers and models too."""
    return [layer.name for layer in all_layers(model) if layer is not model]


def load_keras_file(path: pathlib.Path):
    """The model in a ``.keras`` file, of the Keras version that wrote it.

    Raises:
        ValueError: as `written_by` and `read_as`; readers raise whatever they like besides.
    """
    return read_as(written_by(path), path)


def written_by(path: pathlib.Path) -> str:
    """The name of the Keras version that wrote a ``.keras`` file: ``"keras"`` or ``"tf_keras"``.

    Raises:
        ValueError: when the file does not say.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            number = json.loads(archive.read("metadata.json"))["keras_version"]
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no .keras file, or damaged: it has no metadata.json that says which "
            "Keras wrote it"
        ) from error
    return "tf_keras" if str(number).startswith("2.") else "keras"


def read_as(name: str, path: pathlib.Path):
    """The model in a ``.keras`` or ``.h5`` file, as one Keras version reads it.

    Args:
        name: ``"keras"`` or ``"tf_keras"``.
        path: of the file.

    Raises:
        ValueError: when what comes back is no model of that version, as when tf_keras finds a
            class of Keras 3: such a model lacks the weights of the file.
    """
    version = version_named(name)
    model = version.serving.load_keras_file(path)
    if not isinstance(model, version.Model):
        kind = type(model)
        raise ValueError(
            f"{version.title} must make a model of its own of {path}; it made a "
            f"{kind.__module__}.{kind.__qualname__}"
        )
    return model
