"""What a model carries from one call to the next, of Keras 3 or tf_keras."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfqd.wrapping.layers import all_layers


@contextlib.contextmanager
def from_rest(model) -> Iterator[None]:
    """Inside, stateful recurrent layers begin anew; afterwards the model has its own state again.

    So begins what is read from a file: none holds the states of recurrent layers.
    What is put back is everything that a call in inference may move: these states, the
    weights that are not trained (counters, statistics) and random seeds.

    Args:
        model: built; to be called eagerly or by compiled functions.
    """
    recurrent = recurrent_states(model)
    variables = [*recurrent, *variables_among(model.non_trainable_variables), *_generators(model)]
    values = [tf.convert_to_tensor(variable) for variable in variables]
    try:
        for variable in recurrent:
            variable.assign(tf.zeros(variable.shape, variable.dtype))
        yield
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def weights_moved(model, call: Callable[[], Any]) -> list[Any]:
    """The weights that a call of the model assigns, as one that counts its calls does.

    Args:
        model: built; it keeps its own state.
        call: calls it in inference.
    """
    weights = variables_among(model.non_trainable_weights)
    if not weights:
        return []
    with from_rest(model):
        before = [np.asarray(weight) for weight in weights]
        call()
        return [
            weight
            for weight, value in zip(weights, before, strict=True)
            if not np.array_equal(weight, value)
        ]


def seeds_that_count(model, call: Callable[[], Any]) -> list[Any]:
    """The random seeds of a Keras 3 model that answers a call otherwise with other draws.

    Recurrent layers with dropout draw in inference too, and use nothing of it. The generators of
    tf_keras are none of this: files keep them as they are.

    Args:
        model: built; it keeps its own state.
        call: calls it in inference, and gives its answers.
    """
    weights = {id(weight) for weight in model.weights}
    seeds = [each for each in variables_among(model.variables) if id(each) not in weights]
    if not seeds:
        return []
    with from_rest(model):
        first = call()
    with from_rest(model):
        for seed in seeds:
            seed.assign(seed + tf.ones(seed.shape, seed.dtype))
        second = call()
    pairs = zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True)
    same = all(np.array_equal(np.asarray(one), np.asarray(other)) for one, other in pairs)
    return [] if same else seeds


def recurrent_states(model) -> list[Any]:
    """The variables in which stateful recurrent layers keep their states, each once.

    They are no weights in either Keras version.
    """
    states = [getattr(layer, "states", None) for layer in all_layers(model)]
    found = variables_among(tf.nest.flatten(states))
    return list({id(variable): variable for variable in found}.values())


def variables_among(candidates) -> list[Any]:
    """Those weights and states that are variables; tf_keras has tables among its weights."""
    return [each for each in candidates if hasattr(each, "assign")]


def _generators(model) -> list[tf.Variable]:
    """The states of tf_keras' random generators; those of Keras 3 are variables of the model."""
    holders = [getattr(layer, "_random_generator", None) for layer in all_layers(model)]
    generators = [getattr(holder, "_generator", None) for holder in holders]
    return [generator.state for generator in generators if generator is not None]
