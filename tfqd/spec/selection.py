"""Which variable gets which spec.

A selection is one spec, for every variable that is quantized by default, or an
ordered mapping from a regular expression over the variable's path to a spec or
None (stay float), of which the first match wins and what matches nothing stays
float.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from tfqd.spec import Spec

Selection: TypeAlias = Spec | Mapping[str, Spec | None]


class Candidate(NamedTuple):
    """A variable that may be quantized.

    path: the name that patterns are matched against.
    is_kernel: whether a lone spec applies to it: kernels, recurrent kernels
        and embeddings, not biases or normalization weights.
    """

    path: str
    is_kernel: bool


def check_selection(selection) -> None:
    """Raises TypeError or ValueError unless `selection` is a Selection."""
    if isinstance(selection, Spec):
        return
    if not isinstance(selection, Mapping):
        raise TypeError(
            "spec must be a tfqd spec such as tfqd.Uniform(bits=4), or a mapping from a regular "
            f"expression to a spec or None; got {selection!r}"
        )
    for pattern, spec in selection.items():
        if not isinstance(pattern, str):
            raise TypeError(f"a pattern must be a string; got {pattern!r}")
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        if spec is not None and not isinstance(spec, Spec):
            raise TypeError(f"pattern {pattern!r} must map to a tfqd spec or None; got {spec!r}")


def select(selection: Selection, candidates: Sequence[Candidate]) -> list[Spec | None]:
    """The spec of each candidate, None for those that stay float.

    Raises:
        TypeError, ValueError: see `check_selection`.
        ValueError: when a pattern matches no path, or nothing is selected.
    """
    check_selection(selection)
    if isinstance(selection, Spec):
        chosen = [selection if candidate.is_kernel else None for candidate in candidates]
    else:
        _check_patterns_match(selection, candidates)
        chosen = [_first_match(selection, candidate.path) for candidate in candidates]
    if not any(chosen):
        raise ValueError(f"the spec leaves every variable float; variables: {_listing(candidates)}")
    return chosen


def _first_match(selection: Mapping[str, Spec | None], path: str) -> Spec | None:
    return next((spec for pattern, spec in selection.items() if re.search(pattern, path)), None)


def _check_patterns_match(selection, candidates) -> None:
    for pattern in selection:
        if not any(re.search(pattern, candidate.path) for candidate in candidates):
            raise ValueError(
                f"pattern {pattern!r} matches no variable; variables: {_listing(candidates)}"
            )


def _listing(candidates: Sequence[Candidate], limit: int = 20) -> str:
    paths = [candidate.path for candidate in candidates]
    more = f", and {len(paths) - limit} more" if len(paths) > limit else ""
    return ", ".join(paths[:limit]) + more if paths else "none"
