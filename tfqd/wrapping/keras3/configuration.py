"""A model's Keras configuration, fit to make the model again in this process.

Keras writes custom classes and functions down by name, and lambdas as code
without the globals that they use: enough for registered ones in a file, not for
all that a model in memory may hold. Here they stay what they are: the
configuration carries a reference to each.
"""

import types
from collections.abc import Mapping
from typing import Any

import keras

from tfqd.wrapping.keras3.insides import Functional, ObjectSharingScope
from tfqd.wrapping.layers import own_layers


class Configuration:
    """What ``keras.saving.deserialize_keras_object`` makes a model again from.

    Args:
        model: a Keras 3 model.
        unwrap: classes of layers that are to be left out, each with the name of
            the inner layer, in its configuration and as its attribute, that
            takes its place.

    Attributes:
        config: the model's serialization, without how it was compiled.
        references: names that `config` uses -> classes and functions, for
            ``keras.saving.custom_object_scope``.
        unwrapped: the wrapper layers that `config` leaves out.

    Raises:
        TypeError, ValueError, NotImplementedError: when a part of the model has
            no configuration.
    """

    def __init__(self, model: keras.Model, unwrap: Mapping[type, str] | None = None):
        self.references: dict[str, Any] = {}
        self.unwrapped: list[keras.layers.Layer] = []
        self._unwrap = unwrap or {}
        with ObjectSharingScope():
            self.config = keras.saving.serialize_keras_object(model)
        self._visit(self.config, model)

    def _visit(self, entry: dict, part):
        """Edits the serialization of one object in place; returns what is left of it."""
        while type(part) in self._unwrap:
            self.unwrapped.append(part)
            inner = self._unwrap[type(part)]
            entry.update(entry["config"][inner])
            part = getattr(part, inner)
        entry.pop("compile_config", None)
        if not _is_keras(type(part)):
            entry["registered_name"] = self._refer(type(part))
        config = entry["config"]
        if getattr(part, "lora_enabled", False):  # Keras keeps kernels with adapters merged.
            for name in ("lora_rank", "lora_alpha"):
                config.pop(name, None)  # Older versions have no alpha.
        if isinstance(part, Functional | keras.Sequential) and "layers" in config:
            self._visit_layers(config, _parts(part))
        else:
            for key, value in config.items():
                if isinstance(value, str | dict | list | tuple):
                    attribute = getattr(part, key, getattr(part, f"_{key}", None))
                    config[key] = self._edited(value, attribute)
        return part

    def _visit_layers(self, config: dict, parts: list) -> None:
        """Edits the serializations of a Functional or Sequential model's layers."""
        for entry, part in zip(config["layers"], parts, strict=True):
            inner = self._visit(entry, part)
            if inner is not part and isinstance(inner, Functional):
                _count_outputs_from_one(config.get("output_layers", []), part.name)

    def _edited(self, value, attribute):
        """A serialized value, given the attribute that it seems to describe."""
        if isinstance(attribute, types.FunctionType) and not _is_keras(attribute):
            name = self._refer(attribute)
            return {"class_name": "function", "config": name, "registered_name": name}
        if isinstance(value, list | tuple) and isinstance(attribute, list | tuple):
            if len(value) == len(attribute):
                return [self._edited(*pair) for pair in zip(value, attribute, strict=True)]
        elif isinstance(value, dict) and value.get("class_name") == type(attribute).__name__:
            self._visit(value, attribute)
        return value

    def _refer(self, target) -> str:
        name = f"{target.__qualname__} #{len(self.references)}"
        self.references[name] = target
        return name


def _parts(model) -> list:
    """The layers and operations in the order of the model's configuration."""
    if isinstance(model, Functional):
        return model.operations
    return own_layers(model)


def _is_keras(target) -> bool:
    return target.__module__.split(".")[0] == "keras"


def _count_outputs_from_one(output_layers, name: str) -> None:
    """Numbers the calls that an output comes from as Keras does for Functional models.

    Where other layers' first call is number 0 in a configuration's outputs, a
    Functional model's is number 1.
    """
    if isinstance(output_layers, dict):
        output_layers = list(output_layers.values())
    if len(output_layers) == 3 and isinstance(output_layers[0], str):
        output_layers[1] += output_layers[0] == name
        return
    for output in output_layers:
        _count_outputs_from_one(output, name)
