"""Another spec for a model's first and last weighted layers, or none."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tfqd.spec import Spec
from tfqd.spec.names import spec_named
from tfqd.spec.selection import SpecLike


def specs_with_first_last(
    model: Any,
    chosen: Sequence[tuple[Any, Spec]],
    first_last: SpecLike | None,
    first_last_layers: Callable[[Any], Iterable],
) -> list[Spec | None]:
    """The specs of a model's variables, those of the first and last layers replaced.

    Args:
        model: a built model.
        chosen: for each variable to be quantized the layer that owns it, and its spec.
        first_last: ``"same"`` for no other spec, or the spec of the weights of first and
            last layers; None leaves them float.
        first_last_layers: gives the model's first and last layers.

    Returns:
        One for each chosen variable; None for a variable that stays float.

    Raises:
        TypeError: when `first_last` is nothing of this.
        ValueError: for an unknown short name; when nothing would be quantized.
    """
    if first_last == "same":
        return [spec for _, spec in chosen]
    first_last = spec_named(first_last)
    if first_last is not None and not isinstance(first_last, Spec):
        raise TypeError(f'first_last must be "same", None or a tfqd spec; got {first_last!r}')
    outer = {id(layer) for layer in first_last_layers(model)}
    specs = [first_last if id(layer) in outer else spec for layer, spec in chosen]
    if not any(specs):
        raise ValueError(
            f"model {model.name!r} has no weighted layer but its first and last, which "
            "first_last=None leaves float: nothing would be quantized"
        )
    return specs
