"""Copies of tf_keras models, weights and vocabularies included."""

import inspect
import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import tensorflow as tf
import tf_keras

from tfqd.wrapping.borrowing import Held, check_borrows_nothing, held_by_functions
from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.own_steps import is_own, is_users, overridden
from tfqd.wrapping.tf_keras.insides import Functional, arguments_in, own_weights
from tfqd.wrapping.tf_keras.toolkit import tfmot

Layer: TypeAlias = tf_keras.layers.Layer


# Attributes of layers with what a user's function may be, in the copy as in the source.
_FUNCTIONS = ("activation", "function", "recurrent_activation")


class Copy:
    """An independent copy of a built Sequential or Functional model.

    It is made from the configurations of the layers, nested models included, and
    has their weights and states, and is of tf_keras' class; see `of_class`. It is not compiled.

    Args:
        source: the model.
        change: makes what stands in the copy for a layer. It is given the layer
            and `clone`, which copies a layer, as one of another class if told.

    Attributes:
        model: the copy.

    Raises:
        ValueError: when a layer cannot be made again from its configuration.
    """

    def __init__(
        self,
        source: tf_keras.Model,
        change: Callable[[Layer, Callable], Layer] = lambda layer, clone: clone(layer),
    ):
        self._change = change
        self._made: dict[int, Layer] = {}
        self._pairs: list[tuple[Layer, Layer]] = []
        self._origins: dict[int, tf.Variable] = {}
        check_borrows_nothing(source, itertools.starmap(Held, _arguments(source)))
        with tfmot.quantization.keras.quantize_scope():  # Its layers may be among the model's.
            self.model = self._model(source)
        for old, new in self._pairs:
            self._copy_state(old, new)
        # Those that the copy has in common with the source read what the source has.
        check_borrows_nothing(source, held_by_functions(_functions(self.model)))
        self._check_shares_nothing(source)

    def origin(self, variable: tf.Variable) -> tf.Variable:
        """The source's variable that one of the copy's has its value from."""
        return self._origins[id(variable)]

    def copy_variables(self, old: list[tf.Variable], new: list[tf.Variable]) -> None:
        """Gives variables of the copy the values of variables of the source."""
        for old_variable, new_variable in zip(old, new, strict=True):
            new_variable.assign(old_variable)
            self._origins[id(new_variable)] = old_variable

    def _model(self, source: tf_keras.Model) -> tf_keras.Model:
        copy = tf_keras.models.clone_model(source, clone_function=self._layer)
        if not copy.built:  # A Sequential model without an Input layer.
            copy.build(source._build_input_shape)
        copy._trainable = source._trainable
        return copy

    def _layer(self, layer: Layer) -> Layer:
        if id(layer) not in self._made:
            if isinstance(layer, tf_keras.Model):
                self._made[id(layer)] = self._model(layer)
            else:
                self._made[id(layer)] = self._change(layer, self._clone)
        return self._made[id(layer)]

    def _check_shares_nothing(self, source: tf_keras.Model) -> None:
        """Layers made from configurations of their own have weights of their own."""
        once: set[int] = set()
        for variable in self._origins.values():
            if id(variable) in once and variable.trainable:
                raise ValueError(
                    f"model {source.name!r} cannot be copied: two of its layers hold "
                    f"{variable.name}, of which a copy would have two. Let one layer hold it, or "
                    "take Keras 3, whose layers may hold one another"
                )
            once.add(id(variable))

    def _clone(self, layer: Layer, kind: type[Layer] | None = None) -> Layer:
        try:
            copy = (kind or type(layer)).from_config(layer.get_config())
        except (TypeError, ValueError, NotImplementedError) as error:
            raise _cannot_be_copied(layer, str(error)) from error
        self._pairs.append((layer, copy))
        return copy

    def _copy_state(self, old: Layer, new: Layer) -> None:
        old_parts, new_parts = all_layers(old), all_layers(new)
        if [_shapes(part) for part in old_parts] != [_shapes(part) for part in new_parts]:
            raise _cannot_be_copied(
                old, "made again from its configuration it has other weights than it has itself."
            )
        for old_part, new_part in zip(old_parts, new_parts, strict=True):
            self._copy_own_state(old_part, new_part)

    def _copy_own_state(self, old: Layer, new: Layer) -> None:
        """The steps that Keras' files take, without a file."""
        store: dict = {}
        old.save_own_variables(store)
        if store:
            new.load_own_variables(store)
        if hasattr(old, "save_assets"):
            with tempfile.TemporaryDirectory() as folder:
                old.save_assets(folder)
                new.load_assets(folder)
        for old_variable, new_variable in zip(_own(old), _own(new), strict=True):
            self._origins[id(new_variable)] = old_variable


def _arguments(model: tf_keras.Model) -> Iterator[tuple[str, Any]]:
    """What is given to the layers in a model's graphs, each with the name of the layer."""
    for layer in all_layers(model):
        if isinstance(layer, Functional) and not isinstance(layer, tf_keras.Sequential):
            yield from arguments_in(layer)


def _functions(model: tf_keras.Model) -> Iterator[Callable]:
    """The users' functions in a model."""
    for layer in all_layers(model):
        for name in _FUNCTIONS:
            function = getattr(layer, name, None)
            if inspect.isfunction(function):
                yield function


def of_class(model: tf_keras.Model, kind: type[tf_keras.Model]) -> tf_keras.Model:
    """A Sequential or Functional model as one of a user's class, whose training is its own.

    Args:
        model: of tf_keras' or tfqd's class; not to be used any more.
        kind: the class; the model stays what it is if that is none of the user's, or, with a
            warning, if its constructor does not take the model's graph.
    """
    if not is_users(kind):
        return model
    is_sequential = isinstance(model, tf_keras.Sequential)
    if not is_own(kind, "__init__") and is_sequential == issubclass(kind, tf_keras.Sequential):
        model.__class__ = kind
        return model
    parts = {"inputs": model.input, "outputs": model.output}
    if is_sequential:
        parts = {"layers": model.layers}
    try:
        made = kind(**parts, name=model.name)
    except (TypeError, ValueError) as error:
        lost = ", ".join(overridden(kind)) or "class"
        warnings.warn(
            f"{kind.__name__}'s own {lost} is not kept: its constructor does not take "
            f"{', '.join(parts)} and name ({error}); let it take *args and **kwargs, and hand "
            "them to its base class",
            stacklevel=2,
        )
        return model
    made._trainable = model._trainable
    return made


def _own(layer: Layer) -> list[tf.Variable]:
    return [variable for variable in own_weights(layer) if isinstance(variable, tf.Variable)]


def _shapes(layer: Layer) -> list:
    return [variable.shape for variable in _own(layer)]


def _cannot_be_copied(layer: Layer, reason: str) -> ValueError:
    return ValueError(
        f"layer {layer.name!r} ({type(layer).__name__}) cannot be copied: {reason} A custom layer "
        "needs get_config() and from_config() that make it again; what its configuration names "
        "must be registered (tf_keras.saving.register_keras_serializable) or in a "
        "tf_keras.saving.custom_object_scope."
    )
