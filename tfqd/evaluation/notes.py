"""Why something was not measured, or what of."""

from collections.abc import Iterable
from typing import NamedTuple


class Note(NamedTuple):
    """One reason, in a line.

    name: of the model.
    text: the reason.
    """

    name: str
    text: str

    @classmethod
    def of(cls, name: str, what: str, error: Exception) -> "Note":
        """What cannot be done, and the first line of why."""
        first, *_ = str(error).splitlines() or [type(error).__name__]
        return cls(name, f"{what}: {first}")


def together(notes: Iterable[Note]) -> dict[str, str]:
    """name -> all that is to be said of the model, in one line."""
    found: dict[str, str] = {}
    for name, text in notes:
        found[name] = f"{found[name]}; {text}" if name in found else text
    return found
