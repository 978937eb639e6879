"""The tensors of a graph that a file of integers keeps, and the range that each is rounded to.

A tensor is kept where an operator ends: not between a convolution, its normalization and
its ReLU, which are one operator. Operators that move numbers keep the range of what they
take, and those that join tensors need one range for all of them.
"""

import itertools
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

from tfqd.wrapping.placement.indices import with_indices_unrounded
from tfqd.wrapping.placement.roles import Kind, NoIntegerKernel
from tfqd.wrapping.placement.step import Step

_KEEP_THE_RANGE = (Kind.MOVES, Kind.AVERAGES, Kind.JOINS)
_NOT_ROUNDED = (Kind.MOVES, Kind.JOINS, Kind.UNROUNDED)


class Range(NamedTuple):
    """A range of integers, of one tensor or of several.

    name: that of the layer whose answers it rounds first, and more.
    positive: whether all that it rounds comes out of a ReLU.
    fixed: the ends, where a kernel knows no others.
    layers: all those whose answers have it, or are inside an operator that it ends.
    reason: why it is there, and why it has those layers.
    at_an_end: whether it rounds an input or an output of the graph.
    symmetric: whether a kernel needs a zero point of 0.
    """

    name: str
    positive: bool
    fixed: tuple[float, float] | None
    layers: tuple[str, ...]
    reason: str
    at_an_end: bool
    symmetric: bool


class Placement(NamedTuple):
    """What becomes of a graph's tensors.

    ranges: all of them.
    rounded: of a tensor that is rounded, by its number, the place of its range in `ranges`.
    """

    ranges: list[Range]
    rounded: dict[int, int]


def placed(steps: Sequence[Step], outputs: Sequence[int]) -> Placement:
    """Decides which tensors are rounded, and to which ranges.

    Args:
        steps: of a graph, in the order in which they run; inputs are steps too.
        outputs: the numbers of the tensors that the graph gives.

    Raises:
        NoIntegerKernel: a ValueError, for a normalization that follows no product, and
            for ranges that are to be one and cannot.
    """
    steps = with_indices_unrounded(steps)
    folded = _folded(steps, outputs)
    same = _Classes(step.output for step in steps)
    for step in steps:
        for tensor in step.inputs:
            if step.role.kind in _KEEP_THE_RANGE or tensor in folded:
                same.unite(step.output, tensor)
    members: dict[int, list[Step]] = {}
    for step in steps:
        members.setdefault(same.of(step.output), []).append(step)
    members = {of: steps for of, steps in members.items() if steps[0].role.kind != Kind.UNROUNDED}
    places = {of: place for place, of in enumerate(members)}
    taken: set[str] = set()
    ends = {*outputs, *(step.output for step in steps if step.role.kind is Kind.INPUT)}
    seconds = {step.inputs[1] for step in steps if step.role.symmetric_second}
    ranges = [_range(each, folded, ends, seconds, taken) for each in members.values()]
    rounded = {
        step.output: places[same.of(step.output)]
        for step in steps
        if step.output not in folded and step.role.kind not in _NOT_ROUNDED
    }
    return Placement(ranges, rounded)


def _folded(steps: Sequence[Step], outputs: Sequence[int]) -> set[int]:
    """The tensors inside operators: in front of a normalization or ReLU that is a part of one."""
    readers = Counter(tensor for step in steps for tensor in step.inputs)
    readers.update(outputs)
    makers = {step.output: step for step in steps}
    folded: set[int] = set()
    for step in steps:
        if step.role.kind not in (Kind.NORMALIZATION, Kind.RELU):
            continue
        (tensor,) = step.inputs
        before = makers[tensor].role
        if readers[tensor] == 1 and before.folds_relu:
            folded.add(tensor)
        becomes_weights = tensor in folded and before.kind is Kind.WEIGHTED
        if step.role.kind is Kind.NORMALIZATION and not becomes_weights:
            raise NoIntegerKernel(
                f"layer {step.name!r} (BatchNormalization) follows {makers[tensor].name!r}; it "
                "must be the only one that a convolution or Dense layer without an activation "
                "feeds, to be folded into that layer's weights"
            )
    return folded


def _range(
    members: Sequence[Step],
    folded: Container[int],
    ends: Container[int],
    seconds: Container[int],
    taken: set[str],
) -> Range:
    """The one range of all tensors that these steps give, by a name that is not taken."""
    makers = [
        step
        for step in members
        if step.output not in folded and step.role.kind not in _KEEP_THE_RANGE
    ]
    names = [step.name for step in makers]
    fixed = {step.role.fixed for step in makers}
    if len(fixed) > 1:
        known = next(step for step in makers if step.role.fixed is not None)
        raise NoIntegerKernel(
            f"{', '.join(names)} are joined, which needs one range for all of them; the kernel "
            f"of {known.name!r} knows its own alone: leave it out of what is joined"
        )
    symmetric = any(step.output in seconds for step in members)
    if symmetric and fixed != {None}:
        raise NoIntegerKernel(
            f"{', '.join(names)} are the second of two tensors that are multiplied as matrices, "
            "whose kernel needs a zero point of 0; that of their own kernel is another"
        )
    clipped = all(step.role.kind is Kind.RELU or step.role.clips for step in makers)
    positive = clipped and not symmetric
    layers = tuple(dict.fromkeys(step.name for step in members))
    calls = (f"{names[0]}_range{number or ''}" for number in itertools.count())
    name = next(name for name in calls if name not in taken)
    taken.add(name)
    at_an_end = any(step.output in ends for step in members)
    reason = _reason(makers, clipped)
    return Range(name, positive, fixed.pop(), layers, reason, at_an_end, symmetric)


def _reason(makers: Sequence[Step], positive: bool) -> str:
    if len(makers) > 1:
        return f"one range for {', '.join(step.name for step in makers)}, which are joined"
    return Kind.RELU.value if positive else makers[0].role.kind.value


class _Classes:
    """Tensors that have one range, by union and find."""

    def __init__(self, members: Iterable[int]):
        self._parents = {member: member for member in members}

    def of(self, member: int) -> int:
        """The class of a tensor, named by one of its members."""
        while self._parents[member] != member:
            member = self._parents[member]
        return member

    def unite(self, one: int, other: int) -> None:
        """Makes two classes one, named by the earlier tensor."""
        first, second = sorted((self.of(one), self.of(other)))
        self._parents[second] = first
