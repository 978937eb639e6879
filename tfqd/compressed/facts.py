"""What a user keeps about a model: values that JSON gives back as they were."""

import json
from collections.abc import Mapping
from typing import Any

_EXPECTED = "facts must be a mapping of texts to JSON values"
# Readers of JSON go so deep, whatever calls them.
_DEEPEST = 100


def checked_facts(facts: Any) -> dict[str, Any]:
    """Facts as a dict that an archive can hold.

    Raises:
        TypeError: for what is no mapping, for keys that are no texts, which would come back as
            texts, and for values that JSON has no form for.
        ValueError: for NaN and infinity, and for values more than 100 deep in one another.
    """
    if not isinstance(facts, Mapping):
        raise TypeError(f"{_EXPECTED}; got {type(facts).__name__}")
    found = dict(facts)
    _check_keys(found)
    try:
        json.dumps(found, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{_EXPECTED}: {error}") from error
    return found


def _check_keys(value: Any, depth: int = 0) -> None:
    """Checks the keys of all mappings in a value, and how deep it goes."""
    if depth > _DEEPEST:
        raise ValueError(f"{_EXPECTED}; got values more than {_DEEPEST} deep in one another")
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{_EXPECTED}; got the key {key!r:.80}")
        value = [*value.values()]
    if isinstance(value, list | tuple):
        for part in value:
            _check_keys(part, depth + 1)
