"""What of a graph is not rounded: indices, and what is moved together with such."""

from collections.abc import Sequence

from tfqd.wrapping.placement.roles import FLOAT, UNROUNDED, Kind, NoIntegerKernel
from tfqd.wrapping.placement.step import Step

_MOVES = (Kind.MOVES, Kind.JOINS, Kind.AVERAGES)
# What makes indices, of indices.
_MADE_OF_INDICES = (Kind.INPUT, Kind.COMPUTES, Kind.FLOAT)
_PASSES = (Kind.MOVES, Kind.JOINS, *_MADE_OF_INDICES)


def with_indices_unrounded(steps: Sequence[Step]) -> list[Step]:
    """The steps, with the roles that they have where some tensors are not rounded.

    Tensors that hold indices are not, nor what only moves numbers that are not rounded. What
    joins such and others joins floats. Whatever else reads tensors that are not rounded reads
    floats. Indices that come out of a product with weights are rounded as it is.

    Args:
        steps: of a graph, in the order in which they run; inputs are steps too.

    Raises:
        NoIntegerKernel: a ValueError, where indices, or what came beside them, are joined with
            what is rounded: converters round what is joined before, for all that read it.
    """
    indices = _indices(steps)
    with_indices, unrounded = set(indices), set[int]()
    result = []
    for step in steps:
        role, loose = step.role, unrounded.intersection(step.inputs)
        if role.kind in _MOVES and loose:
            role = UNROUNDED if loose.issuperset(step.inputs) else FLOAT
            found = with_indices & loose
            if found and role is FLOAT:
                raise _joined(step, next(each.name for each in steps if each.output in found))
            with_indices.update([step.output] if found else [])
        elif step.output in indices and role.kind in _MADE_OF_INDICES:
            role = UNROUNDED
        if role.kind is Kind.UNROUNDED:
            unrounded.add(step.output)
        result.append(step._replace(role=role))
    return result


def _joined(step: Step, name: str) -> NoIntegerKernel:
    return NoIntegerKernel(
        f"layer {step.name!r} joins what comes from {name!r}, with or beside indices that an "
        "Embedding looks up, with numbers that are rounded; give the model an input for the "
        "indices alone, and leave it out of what is joined"
    )


def _indices(steps: Sequence[Step]) -> set[int]:
    """The numbers of the tensors that hold indices, or what indices are made of."""
    indices: set[int] = set()
    for step in reversed(steps):
        indices.update(step.indices)
        if step.output in indices and step.role.kind in _PASSES:
            indices.update(step.inputs)
    return indices
