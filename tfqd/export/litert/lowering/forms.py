"""Forms of layers, chosen for a whole file: bytes against time.

What a smaller form saves and what it costs differs from layer to layer: time is spent where
images are large, bytes where channels are many. So the layers whose bytes are cheapest in time
become small first.
"""

import enum
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class ConvolutionForm(enum.Enum):
    """What becomes of a convolution with one scale a channel and weights of few bits."""

    INT8 = "a convolution of INT8"
    INT4 = "a convolution of INT4"
    PRODUCT = "a product of INT4 with patches, or with single pixels"


class Cost(NamedTuple):
    """What a form takes.

    bytes: of the file.
    time: for an example, in multiply-adds of an INT8 kernel.
    """

    bytes: float
    time: float


def chosen_forms(
    layers: Sequence[Mapping[ConvolutionForm, Cost]], other: float, slowdown: float
) -> list[ConvolutionForm]:
    """A form for each layer: few bytes in a time that is bounded.

    From the fastest forms on, the change that saves most bytes for its time is made, again and
    again, while the bound allows one.

    Args:
        layers: for each, what its possible forms cost; at least one.
        other: time of what has no choice.
        slowdown: the most that all may take over what they take in their fastest forms, at
            least 1.
    """
    forms = [min(costs, key=lambda form: costs[form][::-1]) for costs in layers]
    fastest = sum(costs[form].time for costs, form in zip(layers, forms, strict=True))
    spare = (slowdown - 1) * (other + fastest)
    while True:
        changes = [
            (costs[form].bytes - smaller.bytes, smaller.time - costs[form].time, place, name)
            for place, (costs, form) in enumerate(zip(layers, forms, strict=True))
            for name, smaller in costs.items()
            if smaller.bytes < costs[form].bytes and smaller.time - costs[form].time <= spare
        ]
        if not changes:
            return forms
        _, time, place, name = max(changes, key=lambda change: _rate(*change[:2]))
        forms[place] = name
        spare -= time


def _rate(saved: float, time: float) -> float:
    return math.inf if time <= 0 else saved / time
