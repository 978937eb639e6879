"""Copies of Keras 3 models, weights, vocabularies and seeds included."""

import inspect
import itertools
import tempfile
from collections.abc import Iterator, Mapping

import keras

from tfqd.wrapping.borrowing import Held, check_borrows_nothing, held_by_functions
from tfqd.wrapping.complaints import one_line
from tfqd.wrapping.keras3.configuration import Configuration
from tfqd.wrapping.keras3.deserialization import deserialize
from tfqd.wrapping.keras3.insides import (
    Functional,
    ObjectSharingScope,
    SafeModeScope,
    arguments_in,
    own_variables,
    seed_generators,
    set_own_trainable,
    set_path,
)
from tfqd.wrapping.layers import all_layers

_ADAPTERS = ("lora_kernel_a", "lora_kernel_b", "lora_embeddings_a", "lora_embeddings_b")


def copy_model(model: keras.Model, unwrap: Mapping[type, str] | None = None) -> keras.Model:
    """An independent copy of a built model.

    The copy is made from the model's configuration and state, as a reload from
    disk would be, except that custom classes and functions need not be
    registered. It is not compiled. LoRA's adapters are merged into its kernels, which
    are trained again.

    Args:
        model: a built Functional, Sequential or subclassed model.
        unwrap: classes of layers that the copy has without what they put around
            an inner layer; see `Configuration`.

    Raises:
        ValueError: when the model cannot be made again from its configuration, or has a
            function that reads weights of a layer.
    """
    while unwrap and type(model) in unwrap:
        model = getattr(model, unwrap[type(model)])
    try:
        configuration = Configuration(model, unwrap)
        references = keras.saving.custom_object_scope(configuration.references)
        # The model is the user's own, in memory: its Lambda layers are no threat.
        with references, SafeModeScope(safe_mode=False), ObjectSharingScope():
            copy = deserialize(configuration.config)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise _cannot_be_copied(model, _reason(error)) from error
    check_borrows_nothing(model, _in_common(model, configuration))
    _copy_state(model, copy, {id(layer) for layer in configuration.unwrapped})
    return copy


def in_copy(model: keras.Model, copy: keras.Model) -> dict[int, keras.Variable]:
    """What the variables of a model are in a copy, by their ids; LoRA's adapters are none there."""
    layers = zip(all_layers(model), all_layers(copy), strict=True)
    pairs = (zip(_lasting(old), _lasting(new), strict=True) for old, new in layers)
    return {id(old): new for old, new in itertools.chain.from_iterable(pairs)}


def _in_common(model: keras.Model, configuration: Configuration) -> Iterator[Held]:
    """What the copy's functions and the calls in its graphs have of the model's own."""
    yield from held_by_functions(filter(inspect.isfunction, configuration.references.values()))
    for layer in all_layers(model):
        if isinstance(layer, Functional):
            yield from itertools.starmap(Held, arguments_in(layer))


def _copy_state(source: keras.Model, target: keras.Model, unwrapped: set[int]) -> None:
    old_layers = [layer for layer in all_layers(source) if id(layer) not in unwrapped]
    new_layers = all_layers(target)
    if [_shapes(layer) for layer in old_layers] != [_shapes(layer) for layer in new_layers]:
        raise _cannot_be_copied(
            source,
            f"made again from its configuration it has {len(target.weights)} weights, or weights "
            f"of other shapes, where it has {len(source.weights)} itself.",
        )
    for old, new in zip(old_layers, new_layers, strict=True):
        _copy_layer_state(old, new)


def _copy_layer_state(old: keras.layers.Layer, new: keras.layers.Layer) -> None:
    """The steps that Keras' files take, without a file."""
    store: dict = {}
    old.save_own_variables(store)
    if store:
        new.load_own_variables(
            {k: v.numpy() if isinstance(v, keras.Variable) else v for k, v in store.items()}
        )
    if hasattr(old, "save_assets"):
        with tempfile.TemporaryDirectory() as folder:
            old.save_assets(folder)
            new.load_assets(folder)
    # What no file of Keras holds: seeds, the policies and flags of Functional and
    # Sequential models, and the names that the user knows the weights of unnamed layers by.
    # A Dropout whose rate has been set to 0 has a seed, one that is made with that rate has none.
    for old_seed, new_seed in zip(seed_generators(old), seed_generators(new), strict=False):
        new_seed.state.assign(old_seed.state)
    if new.dtype_policy != old.dtype_policy:
        new.dtype_policy = old.dtype_policy
    # Sequential's configuration leaves it out: a frozen one would never thaw.
    set_own_trainable(new, old.trainable)
    for old_variable, new_variable in zip(_lasting(old), _lasting(new), strict=True):
        set_path(new_variable, old_variable.path)


def _shapes(layer: keras.layers.Layer) -> list:
    return [variable.shape for variable in _lasting(layer)]


def _lasting(layer: keras.layers.Layer) -> list[keras.Variable]:
    """The layer's own variables but for LoRA's adapters, which a copy has in its kernel."""
    adapters = {id(getattr(layer, name, None)) for name in _ADAPTERS}
    return [variable for variable in own_variables(layer) if id(variable) not in adapters]


def _reason(error: Exception) -> str:
    """Of the innermost of the messages that Keras nests the first paragraph, and the cause."""
    innermost = str(error).rsplit("Exception encountered: ", maxsplit=1)[-1]
    first = " ".join(innermost.strip().split("\n\n")[0].split())
    _, found, cause = innermost.partition("Error encountered during deserialization: ")
    return f"{first} {one_line(cause)}." if found else first


def _cannot_be_copied(model: keras.Model, reason: str) -> ValueError:
    return ValueError(
        f"model {model.name!r} cannot be copied: {reason} A subclassed model or custom layer "
        "needs an __init__ that takes **kwargs and passes them on, get_config() and from_config() "
        "that make it again, and build() where its weights "
        "do not follow from the shape of its first argument."
    )
