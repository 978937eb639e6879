"""Which channels of a model go or stay together, and what is known of them."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Channels:
    """The channels of a tensor: its last axis.

    ids: int [channels], by which `Ties` knows them.
    constants: float32 [channels], what a channel is at every place whatever comes in; NaN
        where that depends.
    places: how many places have each channel, of an image its pixels; None where unknown.
    """

    ids: np.ndarray
    constants: np.ndarray
    places: int | None

    def __len__(self) -> int:
        return len(self.ids)


class Ties:
    """Channels that go or stay together, since layers match them one to one."""

    def __init__(self):
        self._parents: list[int] = []
        self._reasons: dict[int, str] = {}

    def fresh(self, constants: np.ndarray, places: int | None) -> Channels:
        """Channels that nothing is tied to yet."""
        start = len(self._parents)
        ids = np.arange(start, start + len(constants))
        self._parents += ids.tolist()
        return Channels(ids, constants, places)

    def tie(self, one: np.ndarray, other: np.ndarray) -> None:
        """Ties channels pairwise: both stay or both go."""
        for a, b in zip(one, other, strict=True):
            self._parents[self._root(a)] = self._root(b)

    def keep(self, ids: Sequence[int] | np.ndarray, reason: str) -> None:
        """Has channels stay, and all that are tied to them."""
        for each in ids:
            self._reasons.setdefault(int(each), reason)

    def kept(self, ids: np.ndarray) -> list[str | None]:
        """Why each of the channels stays; None for those that go."""
        reasons: dict[int, str] = {}
        for each, reason in self._reasons.items():
            reasons.setdefault(self._root(each), reason)
        return [reasons.get(self._root(each)) for each in ids]

    def _root(self, each: int) -> int:
        while self._parents[each] != each:
            self._parents[each] = each = self._parents[self._parents[each]]
        return int(each)
