"""The layers in a model of either Keras version, by the one method that both have for it."""

from typing import Any


def all_layers(model: Any) -> list:
    """A model or layer, and all layers in it, however deep."""
    return list(model._flatten_layers())


def own_layers(layer: Any) -> list:
    """The layers that a model or layer holds itself."""
    return list(layer._flatten_layers(include_self=False, recursive=False))


def has_layers(thing: Any) -> bool:
    """Whether it is a model or layer, whose layers these functions give."""
    return hasattr(thing, "_flatten_layers")
