"""The graph of a subclassed model, read off its call."""

import inspect

import keras
import tensorflow as tf

from tfqd.wrapping.keras3.insides import Functional
from tfqd.wrapping.keras3.signature import input_specs


def traced(model: keras.Model) -> keras.Model:
    """A Functional model of a subclassed model's layers: its call on symbolic inputs.

    Args:
        model: built; its call is of Keras layers and `keras.ops`, and takes one argument.

    Raises:
        ValueError: when the call takes no symbolic inputs, does something else in training, or
            has weights that are in no layer.
    """
    unknown = f"the graph of model {model.name!r} ({type(model).__name__}) is not known: it"
    specs = input_specs(model)
    if len(specs) != 1:
        raise ValueError(f"{unknown} takes {len(specs)} arguments, give it a list of them")
    arguments = [*inspect.signature(model.call).parameters]
    name = arguments[0] if isinstance(specs[0], tf.TensorSpec) else None
    inputs = keras.tree.map_structure(
        lambda spec: keras.Input(spec.shape[1:], dtype=spec.dtype, name=name), specs[0]
    )
    graph = _graph(model, inputs, unknown)
    if "training" in arguments:
        other = _graph(model, inputs, unknown, training=True)
        if _calls(other) != _calls(graph):
            raise ValueError(
                f"{unknown} calls other layers when training=True: leave it to its layers "
                "what they do in training"
            )
    known = {id(variable) for variable in graph.variables}
    outside = [variable.path for variable in model.variables if id(variable) not in known]
    if outside:
        paths = ", ".join(outside)
        raise ValueError(f"{unknown} has weights outside the layers that it calls: {paths}")
    return graph


def _graph(model: keras.Model, inputs, unknown: str, **options) -> keras.Model:
    try:
        return Functional(inputs, model.call(inputs, **options), name=model.name)
    except Exception as error:  # whatever the user's code does with what is no array
        raise ValueError(
            f"{unknown} cannot be called on symbolic inputs, as a call of Keras layers and "
            f"keras.ops alone can: {error}"
        ) from error


def _calls(graph: keras.Model) -> list:
    """What a graph calls, in its order: layers, and the kinds of other operations."""
    layers = keras.layers.Layer
    return [each if isinstance(each, layers) else type(each) for each in graph.operations]
