"""What a model was compiled with, in any Keras version."""

from typing import Any


def compiled_with(model: Any) -> dict[str, Any] | None:
    """The arguments of its `compile` by their names, as they were given.

    None for a model that was not compiled, or whose class does not tell.
    """
    given = getattr(model, "_compile_config", None)
    return None if given is None else dict(given.config)
