"""How often each code occurs, in a few bytes: the model of the range coder.

At 10^4 weights of 8 bits, exact counts would take 3 % of the codes that they
describe. A histogram is therefore stored as steps: step 0 for a code that never
occurs, step s for one that is 2^((s - 1) / 2^resolution) times as frequent as
one of step 1. The steps of neighbouring codes differ by little, and their
differences follow a geometric distribution, whose decay is stored too; both are
chosen for the shortest total.

All that a reader needs is integer arithmetic, so that every machine computes
the same frequencies. Only the writer's choice among histograms uses floats.
"""

import dataclasses
import functools
import math

import numpy as np

PRECISION = 24  # bits: the frequencies of a model add up to 2^24
RESOLUTIONS = range(6)
DECAYS = (2, 4, 8, 11, 13, 14, 15)  # sixteenths
_OCTAVES = 24  # counts above 2^24 are scaled down
_FRACTION_BITS = 16
_SMOOTHED_COUNT = 2**17  # with more codes than this the histogram's own size does not matter
_SMOOTHED_DECAYS = range(3)


@dataclasses.dataclass(frozen=True, eq=False)
class Histogram:
    """Steps of the levels' counts.

    Args:
        steps: int64 [levels], 0 to `step_count(resolution)` - 1; only the
            differences of those above 0 matter.
        resolution: log2 of the steps in an octave, one of `RESOLUTIONS`.
        decay: index into `DECAYS`, for the coding of the steps' differences.
    """

    steps: np.ndarray
    resolution: int
    decay: int

    def differences(self) -> np.ndarray:
        """The steps as what is coded: each one's change from the one before, the first's from 1."""
        return zigzag(np.diff(self.steps, prepend=1))

    def frequencies(self) -> np.ndarray:
        """Integer frequencies of the levels that occur, adding up to 2^24."""
        occurring = [int(step) for step in self.steps if step]
        return normalized([_weight(step, self.resolution) for step in occurring])

    def bits(self, counts: np.ndarray) -> float:
        """Bits that codes with these counts take, the steps included."""
        weights = np.where(self.steps > 0, 2.0 ** ((self.steps - 1) / 2**self.resolution), 0)
        occurring = counts > 0
        shares = weights[occurring] / weights.sum()
        decay = DECAYS[self.decay] / 16
        differences = self.differences()
        table = -len(differences) * math.log2(1 - decay) - differences.sum() * math.log2(decay)
        return table - float(np.dot(counts[occurring], np.log2(shares)))


def fit(counts: np.ndarray) -> Histogram:
    """The histogram that codes the counted codes, itself included, in least bits.

    Args:
        counts: how often each level occurs, int64 [levels], at least two of
            them more than 0.
    """
    scaled = counts * min(1.0, 2.0 ** (_OCTAVES - 2) / int(counts.sum()))
    candidates = [
        Histogram(steps, resolution, decay)
        for resolution in RESOLUTIONS
        for steps in [_lowered(_rounded_steps(scaled, resolution))]
        for decay in range(len(DECAYS))
    ]
    if counts.sum() <= _SMOOTHED_COUNT:
        candidates += [
            Histogram(_lowered(_smooth_steps(scaled, 1, decay)), 1, decay)
            for decay in _SMOOTHED_DECAYS
        ]
    return min(candidates, key=lambda histogram: histogram.bits(counts))


def step_count(resolution: int) -> int:
    """Number of different steps at a resolution, the 0 of absent codes included."""
    return (_OCTAVES << resolution) + 2


def steps_of(differences: np.ndarray) -> np.ndarray:
    """The steps whose `Histogram.differences` these are."""
    changes = np.where(differences % 2, (differences + 1) // 2, -(differences // 2))
    return 1 + np.cumsum(changes)


def difference_frequencies(resolution: int, decay: int) -> np.ndarray:
    """Integer frequencies of the zigzagged differences, adding up to 2^24."""
    weights = [1 << 40]
    for _ in range(2 * step_count(resolution) - 2):
        weights.append(weights[-1] * DECAYS[decay] >> 4)
    return normalized(weights)


def normalized(weights: list[int]) -> np.ndarray:
    """Integer frequencies of at least 1 in proportion to the weights: int64, sum 2^24."""
    spare, total = 2**PRECISION - len(weights), sum(weights)
    frequencies = np.array([1 + weight * spare // total for weight in weights], np.int64)
    frequencies[frequencies.argmax()] += 2**PRECISION - frequencies.sum()
    return frequencies


def zigzag(differences: np.ndarray) -> np.ndarray:
    """0, 1, -1, 2, -2, ... as 0, 1, 2, 3, 4, ..."""
    return np.where(differences > 0, 2 * differences - 1, -2 * differences)


@functools.cache
def _weight(step: int, resolution: int) -> int:
    """floor(2^(16 + (step - 1) / 2^resolution)), by repeated integer square roots."""
    weight = 1 << ((_FRACTION_BITS << resolution) + step - 1)
    for _ in range(resolution):
        weight = math.isqrt(weight)
    return weight


def _lowered(steps: np.ndarray) -> np.ndarray:
    """The same frequencies with 1 as the lowest step, where the differences start."""
    occurring = steps > 0
    return np.where(occurring, steps - steps[occurring].min() + 1, 0)


def _rounded_steps(counts: np.ndarray, resolution: int) -> np.ndarray:
    octaves = np.log2(np.maximum(counts, 1))
    return np.where(counts > 0, np.rint(octaves * 2**resolution).astype(np.int64) + 1, 0)


def _smooth_steps(counts: np.ndarray, resolution: int, decay: int) -> np.ndarray:
    """The steps of least total bits: Viterbi's algorithm over the levels.

    Where counts are small their scatter costs more to write down than it saves;
    this finds the curve through the histogram that pays. A step s of weight w
    costs its level's codes -count * log2(w) + w / ln 2 bits (the second term is
    that weight's part in the normalization), and a change of steps what the
    geometric distribution charges.
    """
    steps = np.arange(int(np.log2(counts.max()) * 2**resolution) + 3)
    octaves = np.maximum(steps - 1, 0) / 2**resolution
    bits = np.where(steps > 0, 2.0**octaves, 0) / math.log(2) - counts[:, None] * octaves
    bits[:, 0] = np.where(counts > 0, np.inf, 0)
    slope = -math.log2(DECAYS[decay] / 16)
    change = slope * zigzag(steps[None, :] - steps[:, None])  # from row to column

    least = [bits[0]]
    for level_bits in bits[1:]:
        least.append((least[-1][:, None] + change).min(axis=0) + level_bits)
    path = [int(least[-1].argmin())]
    for before in reversed(least[:-1]):
        path.append(int((before + change[:, path[-1]]).argmin()))
    return np.array(path[::-1], np.int64)
