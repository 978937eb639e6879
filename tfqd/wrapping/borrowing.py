"""Weights that a function, or an argument in a graph, has of a layer that is not its own.

A copy of the model would go on with the model's own: its function is the same one.
"""

import contextlib
import dis
import functools
import types
from collections.abc import Callable, Iterable
from typing import Any

from tfqd.wrapping.layers import has_layers

Named = tuple[str, Any]


def check_borrows_nothing(
    model: Any, functions: Iterable[Callable], arguments: Iterable[Named]
) -> None:
    """Sees to it that a copy of a model can have all weights for itself.

    Args:
        model: of either Keras version.
        functions: those that a copy of the model has in common with it.
        arguments: what its graph's calls are given, each with the name of the called.

    Raises:
        ValueError: when one of them has a weight of the model.
    """
    weights = {id(weight): weight for weight in model.weights}
    for name, held in [*_held(functions), *arguments]:
        for each in [held, *_weights(held)]:
            if id(each) in weights:
                weight = getattr(each, "path", each.name)
                raise ValueError(
                    f"model {model.name!r} cannot be copied: {name} reads {weight} from a layer "
                    "that is not its own, and in a copy would read this model's. Put all that "
                    "reads the weight into one custom layer, which a graph may call twice"
                )


def _weights(held: Any) -> list[Any]:
    is_layer = has_layers(held) and not isinstance(held, type)
    return held.weights if is_layer else []


def _held(functions: Iterable[Callable]) -> Iterable[Named]:
    """What functions know beside their arguments, one level into lists and the like."""
    for function in functions:
        for value in _known(function):
            parts = value.values() if isinstance(value, dict) else value
            several = isinstance(value, dict | list | tuple)
            for part in parts if several else [value]:
                yield f"the function {getattr(function, '__name__', function)!r}", part


def _known(function: Callable) -> list[Any]:
    if isinstance(function, functools.partial):
        return [*function.args, *function.keywords.values(), *_known(function.func)]
    if isinstance(function, types.MethodType):
        return [function.__self__, *_known(function.__func__)]
    if not isinstance(function, types.FunctionType):
        return [function]
    values = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # Empty, as that of a variable not yet set.
            values.append(cell.cell_contents)
    names = _global_names(function.__code__)
    return values + [function.__globals__[name] for name in names if name in function.__globals__]


def _global_names(code: types.CodeType) -> set[str]:
    """The globals that a function reads, those of functions in it included."""
    names = {each.argval for each in dis.get_instructions(code) if each.opname == "LOAD_GLOBAL"}
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return names.union(*map(_global_names, inner))
