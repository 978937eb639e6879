"""Which variable gets which spec.

A selection is one spec, for every variable that is quantized by default, or an
ordered mapping from a regular expression over the variable's path to a spec or
None (stay float), of which the first match wins and what matches nothing stays
float. Short names (`tfqd.spec.names`) may stand for specs.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from tfqd.spec import Spec
from tfqd.spec.names import spec_named

# A spec, or its short name.
SpecLike: TypeAlias = Spec | int | str
Selection: TypeAlias = SpecLike | Mapping[str, SpecLike | None]
# A selection without short names.
Specs: TypeAlias = Spec | Mapping[str, Spec | None]


class Candidate(NamedTuple):
    """A variable that may be quantized.

    path: the name that patterns are matched against.
    is_kernel: whether a lone spec applies to it: kernels, recurrent kernels, embeddings
        and others of two or more axes, not biases or normalization weights.
    """

    path: str
    is_kernel: bool


def checked_selection(selection: Selection) -> Specs:
    """`selection` with specs in the place of their short names.

    Raises:
        TypeError: when it is no selection.
        ValueError: for an unknown name, or a pattern that is no regular expression.
    """
    selection = spec_named(selection)
    if isinstance(selection, Spec):
        return selection
    if not isinstance(selection, Mapping):
        raise TypeError(
            "spec must be a tfqd spec such as tfqd.Uniform(bits=4), its short name, or a mapping "
            f"from a regular expression to a spec or None; got {selection!r}"
        )
    specs = {pattern: spec_named(spec) for pattern, spec in selection.items()}
    for pattern, spec in specs.items():
        if not isinstance(pattern, str):
            raise TypeError(f"a pattern must be a string; got {pattern!r}")
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        if spec is not None and not isinstance(spec, Spec):
            raise TypeError(f"pattern {pattern!r} must map to a tfqd spec or None; got {spec!r}")
    return specs


def select(selection: Selection, candidates: Sequence[Candidate]) -> list[Spec | None]:
    """The spec of each candidate, None for those that stay float.

    Raises:
        TypeError, ValueError: see `checked_selection`.
        ValueError: when a pattern matches no path, or nothing is selected.
    """
    specs = checked_selection(selection)
    if isinstance(specs, Spec):
        chosen = [specs if candidate.is_kernel else None for candidate in candidates]
    else:
        _check_patterns_match(specs, candidates)
        chosen = [_first_match(specs, candidate.path) for candidate in candidates]
    if not any(chosen):
        raise ValueError(f"the spec leaves every variable float; variables: {_listing(candidates)}")
    return chosen


def _first_match(specs: Mapping[str, Spec | None], path: str) -> Spec | None:
    return next((spec for pattern, spec in specs.items() if re.search(pattern, path)), None)


def _check_patterns_match(patterns, candidates) -> None:
    for pattern in patterns:
        if not any(re.search(pattern, candidate.path) for candidate in candidates):
            raise ValueError(
                f"pattern {pattern!r} matches no variable; variables: {_listing(candidates)}"
            )


def _listing(candidates: Sequence[Candidate], limit: int = 20) -> str:
    paths = [candidate.path for candidate in candidates]
    more = f", and {len(paths) - limit} more" if len(paths) > limit else ""
    return ", ".join(paths[:limit]) + more if paths else "none"
