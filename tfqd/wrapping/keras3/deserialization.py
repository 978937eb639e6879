"""Models made again of their Keras configuration, Sequential ones built once.

Keras' own way adds the layers one by one, and builds a Sequential model anew with each of
them: that of n layers takes the time of n^2 / 2.
"""

from typing import Any

import keras


def deserialize(
    config: dict[str, Any], custom_objects: dict[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """What ``keras.saving.deserialize_keras_object`` makes of the same arguments."""
    return keras.saving.deserialize_keras_object(_marked(config), custom_objects, safe_mode)


@keras.saving.register_keras_serializable(package="tfqd")
class BuiltOnce(keras.Sequential):
    """Stands for ``keras.Sequential`` in a configuration, which makes one of those."""

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects=None) -> keras.Sequential:
        layers = [keras.saving.deserialize_keras_object(layer) for layer in config["layers"]]
        model = keras.Sequential(layers, name=config["name"])
        shape = config.get("build_input_shape")
        if shape and not model.built:
            model.build(shape)
        return model


def _marked(part: Any) -> Any:
    """A copy of a configuration that names `BuiltOnce` for every ``keras.Sequential``."""
    if isinstance(part, list):
        return [_marked(each) for each in part]
    if isinstance(part, tuple):
        return tuple(map(_marked, part))
    if not isinstance(part, dict):
        return part
    copy = {key: _marked(value) for key, value in part.items()}
    if (copy.get("module"), copy.get("class_name")) == ("keras", "Sequential"):
        copy["registered_name"] = "tfqd>BuiltOnce"
    return copy
