"""Weights that a function, or an argument in a graph, has of a layer that is not its own.

A copy of the model would go on with the model's own: its function is the same one.
"""

import contextlib
import dis
import functools
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from tfqd.wrapping.layers import has_layers

_LIBRARIES = {"builtins", "keras", "numpy", "tensorflow", "tf_keras"}


class Held(NamedTuple):
    """Something that is read past the arguments.

    reader: what reads it, for errors.
    value: what is read.
    attributes: the names that the reader looks up in anything, perhaps in this.
    """

    reader: str
    value: Any
    attributes: frozenset[str] = frozenset()


def check_borrows_nothing(model: Any, held: Iterable[Held]) -> None:
    """Sees to it that a copy of a model can have all weights for itself.

    Args:
        model: of either Keras version.
        held: what the copy reads in common with the model; see `held_by_functions`.

    Raises:
        ValueError: when a weight of the model is among it.
    """
    weights = {id(weight): weight for weight in model.weights}
    for reader, value, attributes in held:
        for each in _read_of(value, attributes):
            if id(each) in weights:
                weight = getattr(each, "path", each.name)
                raise ValueError(
                    f"model {model.name!r} cannot be copied: {reader} reads {weight} from a layer "
                    "that is not its own, and in a copy would read this model's. Put all that "
                    "reads the weight into one custom layer, which a graph may call twice"
                )


def held_by_functions(functions: Iterable[Callable]) -> Iterator[Held]:
    """What functions read beside their arguments, and so do the user's functions they call."""
    waiting, seen = list(functions), set()
    while waiting:
        function = waiting.pop()
        if id(function) in seen or _home(function) in _LIBRARIES:
            continue
        seen.add(id(function))
        reader = f"the function {getattr(function, '__name__', function)!r}"
        attributes = frozenset(_names(function, ("LOAD_ATTR", "LOAD_METHOD")))
        for value in _parts(_known(function)):
            if isinstance(value, types.FunctionType | types.MethodType | functools.partial):
                waiting.append(value)
            else:
                yield Held(reader, value, attributes)


def _read_of(value: Any, attributes: Iterable[str]) -> list[Any]:
    """The weights that may be read of a value: itself, or a layer's.

    Of a layer in which the reader looks something up that is no weight, such as its number of
    units, none.
    """
    if isinstance(value, type) or not has_layers(value):
        return [value]
    found = []
    for name in attributes:
        # What Keras' properties raise of layers that are called nowhere, or several times.
        with contextlib.suppress(AttributeError, RuntimeError, ValueError):
            found.append(getattr(value, name))
    is_plain = found and all(isinstance(each, int | float | str | tuple | None) for each in found)
    return value.weights if value.built and not is_plain else []


def _parts(values: Iterable[Any]) -> Iterator[Any]:
    """The values, those in lists and the like one by one."""
    for value in values:
        if isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, list | tuple):
            yield from value
        else:
            yield value


def _known(function: Callable) -> list[Any]:
    if isinstance(function, functools.partial):
        return [*function.args, *function.keywords.values(), function.func]
    if isinstance(function, types.MethodType):
        return [function.__self__, function.__func__]
    if not isinstance(function, types.FunctionType):
        return [function]
    values = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # Empty, as that of a variable not yet set.
            values.append(cell.cell_contents)
    names = _names(function, ("LOAD_GLOBAL",))
    return values + [function.__globals__[name] for name in names if name in function.__globals__]


def _home(function: Callable) -> str:
    return (getattr(function, "__module__", None) or "").partition(".")[0]


def _names(function: Callable, operations: tuple[str, ...]) -> set[str]:
    """The names that a function's code uses so, that of functions in it included."""
    return _names_in(function.__code__, operations) if hasattr(function, "__code__") else set()


def _names_in(code: types.CodeType, operations: tuple[str, ...]) -> set[str]:
    names = {each.argval for each in dis.get_instructions(code) if each.opname in operations}
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return names.union(*(_names_in(each, operations) for each in inner))
