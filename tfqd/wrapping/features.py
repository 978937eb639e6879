"""Reading the outputs of inner layers while a model runs as it is.

A second model over the same layers would run them twice, and subclassed models
offer none. So the `call` of the chosen layers is watched during the one forward
pass that training makes anyway.
"""

import abc
import contextlib
from collections.abc import Callable, Iterable, Iterator

import tensorflow as tf

from tfqd.wrapping import calls


def find_layer(model, name: str, children: Callable[..., Iterable]):
    """The layer of that name, in the model or nested in it.

    Args:
        model: a built model.
        name: a layer's name, or the end of its path where several nested layers
            share a name: ``"encoder/dense"``.
        children: gives the layers that a layer holds itself.

    Raises:
        ValueError: when no layer, or more than one, is called so.
    """
    named = dict(_with_paths(model, "", children))
    found = {id(layer): path for layer, path in named.items() if f"/{path}".endswith(f"/{name}")}
    if len(found) == 1:
        return next(layer for layer in named if id(layer) in found)
    if found:
        paths = ", ".join(sorted(found.values()))
        raise ValueError(
            f"model {model.name!r} has {len(found)} layers called {name!r}; name one by the end "
            f"of its path: {paths}"
        )
    known = ", ".join(path for path in named.values() if path)
    raise ValueError(f"model {model.name!r} has no layer called {name!r}; it has {known}")


def _with_paths(layer, path: str, children) -> Iterator[tuple]:
    for inner in children(layer):
        inner_path = f"{path}/{inner.name}".lstrip("/")
        yield inner, inner_path
        yield from _with_paths(inner, inner_path, children)


class FeatureReader(abc.ABC):
    """Reads what some layers put out during calls of the model that holds them.

    Calls in several threads, one for each replica of a distribution strategy,
    do not see each other's features.

    Args:
        model: the model that holds the layers.
        names: the layers' names, as `find_layer` takes them.

    Raises:
        ValueError: as `find_layer`.
    """

    def __init__(self, model, names: Iterable[str]):
        self._layers = {
            name: find_layer(model, name, self._children) for name in dict.fromkeys(names)
        }
        self._model = model

    def __call__(self, model, *args, **kwargs):
        """Calls `model`, any callable that runs the layers, and reads them.

        Returns:
            What the call gave, and the layers' outputs by name.

        Raises:
            ValueError: when a layer was not called, was called more than once,
                or was called inside a loop.
        """
        if not self._layers:
            return model(*args, **kwargs), {}
        read: dict[str, list] = {name: [] for name in self._layers}
        with contextlib.ExitStack() as watching:
            for name, layer in self._layers.items():
                watching.enter_context(calls.watched(layer, read[name].append))
            outputs = model(*args, **kwargs)
        return outputs, {name: self._only(name, each) for name, each in read.items()}

    def shapes(self) -> dict[str, tuple]:
        """The static shapes of the layers' outputs, None where they vary.

        Raises:
            ValueError: when nothing is known about the model's inputs.
        """
        if not self._layers:
            return {}
        features = {}

        def run(*inputs):
            with self._no_trace():
                _, read = self(self._model, *inputs, training=False)
            features.update({name: tuple(feature.shape) for name, feature in read.items()})

        tf.function(run, autograph=False).get_concrete_function(*self._input_specs())
        return features

    @staticmethod
    @abc.abstractmethod
    def _children(layer) -> Iterable:
        """The layers that a layer holds itself."""

    @abc.abstractmethod
    def _input_specs(self) -> list:
        """One spec, or structure of specs, for each argument of the model's call."""

    @staticmethod
    def _no_trace() -> contextlib.AbstractContextManager:
        """In it, a call leaves the model's state alone."""
        return contextlib.nullcontext()

    def _only(self, name: str, calls: list):
        if len(calls) != 1:
            times = "was not called" if not calls else f"was called {len(calls)} times"
            raise ValueError(
                f"layer {name!r} {times} in a forward pass of model {self._model.name!r}; "
                "a feature needs exactly one call"
            )
        (feature,) = calls
        if not tf.executing_eagerly():
            graph = tf.compat.v1.get_default_graph()
            if any(each.graph is not graph for each in tf.nest.flatten(feature)):
                raise ValueError(
                    f"layer {name!r} of model {self._model.name!r} runs inside a loop or a "
                    "branch, so it has no single output; name the layer around it"
                )
        return feature
