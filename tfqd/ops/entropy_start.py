"""Where the steps of an entropy-constrained grid start, and how often its codes come."""

import functools

import numpy as np
import tensorflow as tf

from tfqd.ops import uniform_grid
from tfqd.ops.buckets import from_buckets, over_buckets, to_buckets
from tfqd.ops.codebook import codebook_codes
from tfqd.ops.entropy import borders, entropy, point_borders, round_between, shares
from tfqd.ops.learned_step import SMALLEST_START, range_of_steps, start_of_steps
from tfqd.spec.bucketing import Bucketing
from tfqd.spec.grid import zero_code

# Borders follow from frequencies, and these from borders: so many times.
_ROUNDS = 4
_HALVINGS = 12
# The search looks at no more weights than these.
_WEIGHTS = 2**18
# What a mean of many equal float32 numbers may differ from them by, as a share of them.
_NOISE = 2.0**-17


def steps_of_entropy(
    weights: tf.Tensor,
    bucketing: Bucketing,
    levels: int,
    scaling: str,
    rate_weight: float,
    average_bits: float,
) -> tuple[np.ndarray, np.ndarray | None]:
    """LSQ's steps, stretched by one factor until the codes' entropy is what was asked for.

    Args:
        weights: float32, shape `bucketing.shape`, finite.
        bucketing: where the buckets lie.
        levels: number of grid points, at least 2.
        scaling: ``"affine"`` or ``"symmetric"``.
        rate_weight: see `tfqd.ops.entropy.borders`.
        average_bits: wanted entropy of the tensor's codes. Where the levels are too few
            for it, the steps are those with which no weight lies beyond the ends.

    Returns:
        float32 [bucketing.count] steps, and offsets or None.
    """
    step, offset = _alike(*start_of_steps(weights, bucketing, levels, scaling), levels)
    zero = zero_code(levels)
    place = _from_middle(weights, step, offset, bucketing, levels)
    few = _sample(place)
    least = _least_factor(place, (-zero, levels - 1 - zero))
    factor = least
    if least > 0 and _entropy_of(few / least + zero, levels, rate_weight) > average_bits:
        low, high = least, 2 * least
        while _entropy_of(few / high + zero, levels, rate_weight) > average_bits:
            low, high = high, 2 * high
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if _entropy_of(few / middle + zero, levels, rate_weight) > average_bits:
                low = middle
            else:
                high = middle
        factor = high
    return stretched(step, offset, factor or 1.0, levels)


def shortest_stretch(
    weights: tf.Tensor,
    step: tf.Tensor,
    offset: tf.Tensor | None,
    bucketing: Bucketing,
    levels: int,
    ends: tuple[float, float],
) -> float:
    """The factor of `stretched` with which the largest weight lies on the first or last level.

    The arguments are those of `tfqd.ops.learned_step`, and `ends`, those levels in steps from
    the middle code. 0 of weights that are all on the middle.
    """
    return _least_factor(_from_middle(weights, step, offset, bucketing, levels), ends)


def _least_factor(place: np.ndarray, ends: tuple[float, float]) -> float:
    """With steps so many times as long no position, counted from the middle, is clipped."""
    first, last = ends
    return float(max(np.max(place) / max(last, 0.5), np.min(place) / min(first, -0.5)))


def _sample(place: np.ndarray) -> np.ndarray:
    """At most `_WEIGHTS` positions, the same ones every time.

    They are drawn: every n-th would be of few channels, where n and their number have a divisor.
    """
    if len(place) <= _WEIGHTS:
        return place
    return place[np.random.default_rng(0).integers(len(place), size=_WEIGHTS)]


def _alike(step: np.ndarray, offset: np.ndarray | None, levels: int):
    """The steps, those of buckets without a spread as long as the others' geometric mean.

    `start_of_steps` gives such buckets its shortest step, from which they hardly move.
    """
    empty = step <= SMALLEST_START
    if np.all(empty):
        return step, offset
    mean = np.exp(np.mean(np.log(step[~empty])))
    longer = np.where(empty, mean, step).astype(np.float32)
    return longer, None if offset is None else offset + zero_code(levels) * (step - longer)


def stretched(
    step: np.ndarray, offset: np.ndarray | None, factor: float, levels: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Steps that are `factor` times as long, and offsets that leave the middle code in place.

    Args:
        step, offset: float32 [buckets], as `tfqd.ops.learned_step` takes them.
        factor: positive.
        levels: number of grid points.
    """
    longer = np.asarray(step * factor, np.float32)
    if offset is None:
        return longer, None
    shift = zero_code(levels) * (np.abs(step) - np.abs(longer))
    return longer, np.asarray(offset + shift, np.float32)


def settled_frequency(
    weights: tf.Tensor,
    step: tf.Tensor,
    offset: tf.Tensor | None,
    bucketing: Bucketing,
    levels: int,
    rate_weight: float,
) -> np.ndarray:
    """The frequencies of the codes whose borders follow from these frequencies.

    The arguments are those of `tfqd.ops.learned_step` and `tfqd.ops.entropy.borders`.

    Returns:
        float32 [levels].
    """
    place = _positions(weights, step, offset, bucketing, levels)
    return _settled(place, levels, rate_weight).numpy()


def settled_point_frequency(
    weights: tf.Tensor,
    points: tf.Tensor,
    step: tf.Tensor,
    bucketing: Bucketing,
    rate_weight: float,
) -> np.ndarray:
    """The same among points that are no grid.

    Args:
        weights: float32, shape `bucketing.shape`, finite.
        points: float32 [levels], ascending, in units of the steps.
        step: float32 [bucketing.count], not negative.
        bucketing: where the buckets lie.
        rate_weight: see `tfqd.ops.entropy.borders`.

    Returns:
        float32 [levels].
    """

    def counted(border: tf.Tensor | None) -> tf.Tensor:
        found = codebook_codes(weights, points, bucketing, "symmetric", scale=step, border=border)
        return shares(found.codes, points.shape[0])

    frequency = counted(None)
    for _ in range(_ROUNDS if rate_weight else 0):
        frequency = counted(point_borders(points, frequency, bucketing.size, rate_weight))
    return frequency.numpy()


def _positions(weights, step, offset, bucketing: Bucketing, levels: int) -> np.ndarray:
    """Where the weights lie, in codes that are not rounded: float32 [N]."""
    buckets = range_of_steps(step, offset, bucketing, levels)
    position = uniform_grid.position(to_buckets(weights, bucketing), buckets, levels)
    return tf.reshape(from_buckets(position, bucketing), [-1]).numpy()


def _from_middle(weights, step, offset, bucketing: Bucketing, levels: int) -> np.ndarray:
    """The same, counted from the middle; 0 where a weight's digits tell no difference from it."""
    place = _positions(weights, step, offset, bucketing, levels) - zero_code(levels)
    if offset is None:
        return place
    cut = to_buckets(weights, bucketing)
    noise = _NOISE * tf.math.divide_no_nan(tf.abs(cut), over_buckets(tf.abs(step), bucketing))
    return np.where(np.abs(place) <= tf.reshape(from_buckets(noise, bucketing), [-1]), 0.0, place)


def _entropy_of(place: np.ndarray, levels: int, rate_weight: float) -> float:
    return float(entropy(_settled(place, levels, rate_weight)))


def _settled(place: np.ndarray, levels: int, rate_weight: float) -> tf.Tensor:
    return _settling(levels, _ROUNDS if rate_weight else 0)(place, np.float32(rate_weight))


@functools.cache
def _settling(levels: int, rounds: int):
    """The function that settles the codes of positions, traced once for all of them.

    A search calls it for dozens of factors, and its operations are many and short.
    """
    positions, weight = tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.float32)

    @tf.function(input_signature=[positions, weight], autograph=False)
    def settle(place, rate_weight):
        size = tf.cast(tf.size(place), tf.float32)
        frequency = shares(round_between(place, None, levels), levels)
        for _ in range(rounds):
            border = borders(frequency, size, rate_weight)
            frequency = shares(round_between(place, border, levels), levels)
        return frequency

    return settle
