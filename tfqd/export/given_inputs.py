"""Inputs as a user has put them together, in the order in which a model takes them."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

Path = tuple[str | int, ...]


def in_order(inputs: Any, known_as: Sequence[Sequence[Path]], argument: str) -> list:
    """The arrays of all inputs, one after the other.

    Args:
        inputs: one array, arrays in the order and structure in which the model takes them, or
            arrays by keys. A dict says by its keys which is which, never by its order.
        known_as: the ways to call the inputs, the names of the signature first: of each way the
            keys and places that lead to each input, in the inputs' order.
        argument: what the user knows the inputs as, for the errors.

    Raises:
        ValueError: for another number of arrays, and for keys that no way has.
    """
    names = [str(name) for (name,) in known_as[0]]
    if isinstance(inputs, Mapping):
        return _by_keys(inputs, names, known_as, argument)
    if len(names) == 1 and not isinstance(inputs, list | tuple):
        return [inputs]
    arrays = keras.tree.flatten(inputs)
    if len(arrays) != len(names):
        raise ValueError(
            f"{argument} must be {len(names)} arrays, for {', '.join(names)}; got {len(arrays)}"
        )
    return arrays


def _by_keys(
    inputs: Mapping, names: list[str], known_as: Sequence[Sequence[Path]], argument: str
) -> list:
    within: dict[Path, Any] = dict(keras.tree.flatten_with_path(inputs))
    # An array may be a list of lists, in which there are paths too.
    whole: dict[Path, Any] = {(key,): array for key, array in inputs.items()}
    for given in (whole, within):
        for paths in known_as:
            if given.keys() == set(paths) and len(given) == len(paths):
                return [given[path] for path in paths]
    raise ValueError(
        f"{argument} must be {len(names)} arrays, for {', '.join(names)}; got the keys "
        f"{', '.join(map(repr, inputs))}"
    )
