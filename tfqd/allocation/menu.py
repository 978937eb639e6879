"""What may be chosen for each tensor of a model, and choosing."""

import functools
import math
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from tfqd.allocation.allocation import Share
from tfqd.allocation.choices import Choice, Weights, measure
from tfqd.allocation.knapsack import Option, choose
from tfqd.compressed import QuantizedTensor
from tfqd.spec import Spec
from tfqd.wrapping.quantized import QuantizedVariable


class Item:
    """The variables of one path, which patterns cannot tell apart, and their choices.

    template: the spec that the user gave for them.
    choices: what was measured.
    """

    def __init__(self, path: str, template: Spec):
        self.path = path
        self.template = template
        self.parts: list[Weights] = []
        self.choices: dict[Spec, Choice] = {}

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(part.size for part in self.parts)

    @property
    def largest(self) -> Weights:
        """The variable with the most weights."""
        return max(self.parts, key=lambda part: part.size)

    def add(self, spec: Spec, payload: Callable[[str, QuantizedTensor], int]) -> None:
        """Measures one more choice."""
        if spec not in self.choices:
            in_file = functools.partial(payload, self.path)
            measured = [measure(part, spec, in_file) for part in self.parts]
            size, cost = sum(each.size for each in measured), sum(each.cost for each in measured)
            self.choices[spec] = Choice(spec, size, cost)


class Menu:
    """The choices for all quantized variables of a model.

    Args:
        entries: the variables, quantized by the specs that the user gave.
        costs: mean squared gradient of each weight of theirs.
        payload: bytes of a tensor in the file, by its path.
    """

    def __init__(
        self,
        entries: Sequence[QuantizedVariable],
        costs: Sequence[tf.Tensor],
        payload: Callable[[str, QuantizedTensor], int],
    ):
        self._payload = payload
        items: dict[str, Item] = {}
        for entry, cost in zip(entries, costs, strict=True):
            item = items.setdefault(entry.path, Item(entry.path, entry.quantizer.spec))
            item.parts.append(Weights(entry.value(), entry.quantizer.channel_axes, cost))
        self._items = list(items.values())

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @property
    def weights(self) -> int:
        """Number of all weights."""
        return sum(item.size for item in self)

    def add(self, specs_of: Callable[[Item], Sequence[Spec]]) -> bool:
        """Measures further choices of each item.

        Returns:
            Whether there were any.
        """
        before = self._count()
        for item in self:
            for spec in specs_of(item):
                item.add(spec, self._payload)
        return self._count() > before

    def choose_bytes(self, capacity: int) -> list[Choice]:
        """The choices of smallest cost that take no more bytes than `capacity`.

        Raises:
            ValueError: when even the smallest take more.
        """
        return self._choose(capacity, lambda item, choice: choice.size)

    def choose_bits(self, capacity: int) -> list[Choice]:
        """The same for `capacity` bits of all codes, of each as many as its spec names."""
        return self._choose(
            capacity, lambda item, choice: math.ceil(choice.spec.nominal_bits) * item.size
        )

    def smallest(self) -> list[Choice]:
        """The choices of fewest bytes, of equal ones those of smallest cost."""
        return [min(item.choices.values(), key=lambda each: each[1:]) for item in self]

    def shares(self, chosen: Sequence[Choice]) -> list[Share]:
        """What each item is given."""
        return [
            Share(item.path, item.size, choice.spec, choice.size)
            for item, choice in zip(self, chosen, strict=True)
        ]

    def _count(self) -> int:
        return sum(len(item.choices) for item in self)

    def _choose(self, capacity: int, size_of: Callable[[Item, Choice], int]) -> list[Choice]:
        choices = [list(item.choices.values()) for item in self]
        options = [
            [Option(size_of(item, choice), choice.cost) for choice in its]
            for item, its in zip(self, choices, strict=True)
        ]
        places = choose(options, capacity)
        return [its[place] for its, place in zip(choices, places, strict=True)]
