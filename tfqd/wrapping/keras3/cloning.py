"""Copies of Keras 3 models, weights and seeds included."""

from collections.abc import Callable

import keras
from keras.src.saving.serialization_lib import SafeModeScope


def copy_model(
    model: keras.Model,
    clone_function: Callable[[keras.layers.Layer], keras.layers.Layer] | None = None,
) -> keras.Model:
    """An independent copy of a built model.

    The copy is made from the model's configuration, as a reload from disk would
    be, and is not compiled.

    Args:
        model: a built Functional, Sequential or subclassed model.
        clone_function: see ``keras.models.clone_model``; applied to nested
            models' layers too. The result may then have other weights than
            `model`, and their values are left to the caller.

    Raises:
        ValueError: when the model cannot be made again from its configuration.
    """
    try:
        # The model is the user's own, in memory: its Lambda layers are no threat.
        with SafeModeScope(safe_mode=False):
            clone = keras.models.clone_model(
                model, clone_function=clone_function, recursive=clone_function is not None
            )
        if not clone.built:
            clone.build_from_config(model.get_build_config())
    except (TypeError, NotImplementedError) as error:
        raise ValueError(
            f"model {model.name!r} cannot be copied: {_first_line(error)} "
            "A subclassed model needs get_config() and from_config() that make it again."
        ) from error
    if clone_function is None:
        _copy_state(model, clone)
    return clone


def _copy_state(source: keras.Model, target: keras.Model) -> None:
    shapes = [variable.shape for variable in source.weights]
    if shapes != [variable.shape for variable in target.weights]:
        raise ValueError(
            f"model {source.name!r} cannot be copied: its configuration makes "
            f"{len(target.weights)} weights of other shapes than its own {len(shapes)}"
        )
    for old, new in zip(source.weights, target.weights, strict=True):
        new.assign(old)
        # Layers that a subclassed model makes without a name are named anew in
        # the copy; patterns and reports speak of the user's names.
        new._path = old.path
    for old, new in zip(source._flatten_layers(), target._flatten_layers(), strict=True):
        # Functional and Sequential models leave their policy out of their configuration.
        if new.dtype_policy != old.dtype_policy:
            new.dtype_policy = old.dtype_policy
        for old_seed, new_seed in zip(old._seed_generators, new._seed_generators, strict=True):
            new_seed.state.assign(old_seed.state)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0]
