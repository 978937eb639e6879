"""Where a value lies along an axis of a drawing, and which values are written beside it."""

import math
from collections.abc import Sequence

from tfqd.charts.ticks import linear_ticks, log_ticks


class Axis:
    """An axis from `start` to `end` in the drawing's units.

    Args:
        values: what it has to hold.
        start, end: where its ends lie.
        log: whether it is logarithmic.
        whole: whether only whole numbers are written.
        margin: share of the values' range to add at both ends.
    """

    def __init__(
        self,
        values: Sequence[float],
        start: float,
        end: float,
        *,
        log: bool = False,
        whole: bool = False,
        margin: float = 0.0,
    ):
        self._log, self._whole = log, whole
        finite = [value for value in map(self._scaled, values) if math.isfinite(value)]
        low, high = min(finite, default=0.0), max(finite, default=1.0)
        room = margin * (high - low) or (0.0 if high > low else abs(high) * 0.1 or 1.0)
        self._low, self._high = low - room, high + room
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        """Where a value lies."""
        share = (self._scaled(value) - self._low) / (self._high - self._low)
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Round values to write."""
        if self._log:
            return log_ticks(10**self._low, 10**self._high)
        ticks = linear_ticks(self._low, self._high)
        return [tick for tick in ticks if tick.is_integer()] if self._whole else ticks

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self._log else value
