"""Probes as a description in JSON and the bytes of their numbers.

Of numbers that repeat, as those of `tfqd.export.probes` do, there is one run. In
a small model's file the ``.npz`` files of other exports would be as large as some
layers.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfqd.compressed import Probes
from tfqd.compressed.strings import to_fixed_width, to_objects
from tfqd.export import probes as probing

_KINDS = ("inputs", "outputs")


def described(probes: Probes) -> tuple[dict[str, Any], bytes]:
    """What `restored` makes the probes of again, their outputs thinned.

    Returns:
        For inputs and outputs, by name, an array's dtype and shape, and where it has
        a run, the dtype and the length of that; and the numbers one after the other.
    """
    outputs = {name: probing.thinned(array) for name, array in probes.outputs.items()}
    description: dict[str, Any] = {}
    numbers = b""
    for kind, of_kind in zip(_KINDS, (probes.inputs, outputs), strict=True):
        arrays = {name: to_fixed_width(array) for name, array in of_kind.items()}
        runs = {name: probing.run_of(array) for name, array in arrays.items()}
        description[kind] = {name: _told(arrays[name], run) for name, run in runs.items()}
        numbers += b"".join(run.tobytes() for run in runs.values())
    return description, numbers


def restored(description: Mapping[str, Any], numbers: bytes) -> Probes:
    """The probes that `described` has taken apart.

    Raises:
        ValueError, KeyError: when it is something else.
    """
    parts: list[dict[str, np.ndarray]] = []
    start = 0
    for kind in _KINDS:
        arrays = {}
        for name, (dtype, shape, *run_of_it) in description[kind].items():
            stored, count = run_of_it or (dtype, math.prod(shape))
            run = np.frombuffer(numbers, stored, count, start)
            arrays[name] = to_objects(np.resize(run, shape).astype(dtype))
            start += run.nbytes
        parts.append(arrays)
    return Probes(*parts)


def _told(array: np.ndarray, run: np.ndarray) -> list:
    told = [array.dtype.str, list(array.shape)]
    same = (run.dtype, run.size) == (array.dtype, array.size)
    return told if same else [*told, run.dtype.str, run.size]
