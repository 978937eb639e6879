"""Layers that Keras builds by a loop in Python, one operation a turn.

How often it turns stands in the architecture, or in the shape of an input: numbers that a
hostile file chooses, and that take time and memory before a single weight is made.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any

from tfqd.compressed import ArchiveError

_MOST_TURNS = 2**14
# tf_keras repeats along an axis by joining slices.
_REPEATING = ("UpSampling1D", "UpSampling3D")
_SHAPES = ("batch_shape", "batch_input_shape", "input_shape", "build_input_shape")


def check_repetitions(architecture: Any) -> None:
    """Raises ArchiveError when building the architecture would take too many turns.

    Upsampling by more than 2^14, and unrolled layers where an input has a side that is
    longer than that.

    Args:
        architecture: what Keras serialized a model to.
    """
    nodes = [*_nodes(architecture)]
    sides = [side for node in nodes for name in _SHAPES for side in _integers(node.get(name))]
    for node in nodes:
        name, config = node.get("class_name"), node.get("config")
        if not isinstance(config, dict):
            continue
        turns = math.prod(_integers(config.get("size"))) if name in _REPEATING else 0
        if config.get("unroll") is True:
            turns = max(turns, *sides, 0) if sides else turns
        if turns > _MOST_TURNS:
            raise ArchiveError(
                f"the layer {config.get('name')!r} ({name}) is built by {turns:,} repetitions; a "
                f"file may ask for {_MOST_TURNS:,}"
            )


def _nodes(value: Any) -> Iterator[dict]:
    if isinstance(value, dict):
        yield value
        value = value.values()
    elif not isinstance(value, list):
        return
    yield from itertools.chain.from_iterable(map(_nodes, value))


def _integers(value: Any) -> list[int]:
    if isinstance(value, dict | list | tuple):
        values = value.values() if isinstance(value, dict) else value
        return [number for each in values for number in _integers(each)]
    return [value] if isinstance(value, int) else []
