"""What a graph's calls are told of, to decide where activations are rounded."""

from typing import NamedTuple

from tfqd.wrapping.placement.roles import Role


class Step(NamedTuple):
    """A call of a layer in a graph.

    name: the layer's.
    role: what it becomes.
    inputs: the numbers of the tensors that it takes.
    output: the number of the tensor that it gives.
    indices: of `inputs`, those that it takes as indices.
    """

    name: str
    role: Role
    inputs: tuple[int, ...]
    output: int
    indices: tuple[int, ...] = ()
