"""The methods by the names that files give them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfqd.spec.base import Spec

_KINDS: dict[str, type[Spec]] = {}


def register_kind(cls: type[Spec]) -> None:
    """Makes a class of specs known by its `kind`, so that files with such specs can be read.

    Raises:
        TypeError: unless it is a frozen dataclass derived from `Spec`.
        ValueError: when it has no `kind` of its own, or another class has that kind.
    """
    if not (isinstance(cls, type) and issubclass(cls, Spec)):
        raise TypeError(f"a spec must be a class derived from tfqd.Spec; got {cls!r}")
    parameters = vars(cls).get("__dataclass_params__")
    if parameters is None or not parameters.frozen:
        raise TypeError(
            f"{cls.__name__} must be decorated by @dataclasses.dataclass(frozen=True, kw_only=True)"
        )
    kind = vars(cls).get("kind")
    if not isinstance(kind, str) or not kind:
        raise ValueError(
            f'{cls.__name__} needs a kind of its own, such as kind: ClassVar[str] = "mine"; '
            f"got {kind!r}"
        )
    known = _KINDS.get(kind)
    # A notebook's cell that is run again defines the class again.
    if known is not None and (known.__module__, known.__qualname__) != (
        cls.__module__,
        cls.__qualname__,
    ):
        raise ValueError(f"kind {kind!r} is that of {known.__module__}.{known.__qualname__}")
    _KINDS[kind] = cls


def from_dict(config: Mapping[str, Any]) -> Spec:
    """The spec that `Spec.to_dict` wrote.

    Raises:
        TypeError: when `config` is no mapping.
        ValueError: for an unknown kind or unknown or bad fields.
    """
    if not isinstance(config, Mapping):
        raise TypeError(f"a spec's config must be a dict; got {config!r}")
    fields = dict(config)
    kind = fields.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(
            f"a spec's kind must be one of {sorted(_KINDS)}, or registered by tfqd.register; "
            f"got {kind!r}"
        )
    try:
        return _KINDS[kind](**fields)
    except TypeError as error:
        raise ValueError(f"not a {kind} spec: {config}") from error


def defaults(kind: str) -> dict[str, Any]:
    """The fields of a kind that have a default, as plain JSON values; none of an unknown kind."""
    if kind not in _KINDS:
        return {}
    return {
        field.name: field.default
        for field in dataclasses.fields(_KINDS[kind])
        if field.default is not dataclasses.MISSING
    }
