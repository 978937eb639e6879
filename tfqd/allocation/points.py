"""The paper's rule: points redistributed in proportion to gradient norms.

Section 4 of arXiv 1802.05668 and its reference code: of the points that all
tensors have together each keeps the half of its own, and the rest goes to the
tensors in proportion to the L2 norms of their gradients. The rule keeps the
number of points, not the size, and knows nothing of how many weights share them.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfqd.allocation.allocation import Allocation, Share
from tfqd.allocation.sensitivity import mean_gradients
from tfqd.batches import labelled_batches
from tfqd.spec import Codebook
from tfqd.spec.checks import is_integer, is_number
from tfqd.spec.presets import paper
from tfqd.spec.selection import Selection
from tfqd.wrapping import quantize_model
from tfqd.wrapping.gradients import loss_function
from tfqd.wrapping.quantized import find_quantized


def redistribute_points(norms: Sequence[float], points: int | Sequence[int]) -> list[int]:
    """How many points each tensor gets by the paper's rule.

    Tensor t keeps floor(n_t / 2) and receives round(g_t / sum(g) * rest), ties to
    the even number, where the rest is what remains of all points. What rounding
    gave too many is taken from the tensor with the most points, what it gave too
    few is given to the one with the fewest.

    Args:
        norms: gradient norm g of each tensor, not negative, not all 0.
        points: n, the same for all tensors or one for each, at least 2.

    Returns:
        As many numbers; their sum is that of n over the tensors.

    Raises:
        ValueError: for other norms or points.

    Example:

    >>> redistribute_points([1, 2, 3, 10], 16), redistribute_points([1, 2, 3, 10], 4)
    ([10, 12, 14, 28], [2, 3, 4, 7])
    """
    norms = [_checked_norm(norm) for norm in norms]
    counts = list(points) if isinstance(points, Iterable) else [points] * len(norms)
    if len(counts) != len(norms):
        raise ValueError(f"there must be as many points as norms; got {len(counts)}, {len(norms)}")
    if not all(is_integer(count, 2) for count in counts):
        raise ValueError(f"points must be integers of at least 2; got {points!r}")
    total = sum(norms)
    if not total > 0:
        raise ValueError(f"norms must not all be 0; got {norms!r}")
    kept = [count // 2 for count in counts]
    rest = sum(counts) - sum(kept)
    new = [own + round(norm / total * rest) for own, norm in zip(kept, norms, strict=True)]
    surplus = sum(new) - sum(counts)
    if surplus > 0:
        new[new.index(max(new))] -= surplus
    elif surplus < 0:
        new[new.index(min(new))] -= surplus
    return new


def allocate_points(
    model: keras.Model,
    data: Any,
    *,
    spec: Selection | None = None,
    loss: Any = None,
    batch_size: int = 32,
    steps: int | None = 5,
) -> Allocation:
    """Numbers of points by the paper's rule: more where the loss's gradient is large.

    The gradients are those of the mean loss over the batches, at the float
    weights, in inference. A code has room for 256 points; a tensor that the rule
    gives more gets 256.

    Args:
        model: a built float model of Keras 3 or tf_keras; it is not changed.
        data: a tuple of inputs, targets and perhaps sample weights; or a
            ``tf.data.Dataset``, PyDataset or other iterable of such tuples.
        spec: the codebooks that points are redistributed among: a
            `tfqd.Codebook`, or a mapping as for `tfqd.quantize_model`, whose
            other methods stay as they are. None for the paper's, 16 points for
            every trainable tensor.
        loss: a Keras loss or its name; None for the one that the model was
            compiled with.
        batch_size: of arrays; other data has its batches.
        steps: number of batches to use, 5 in the paper; None for all. Of arrays that have
            more examples, as many are taken from all over them, as they may be sorted.

    Returns:
        A mapping for `tfqd.quantize_model`.

    Raises:
        TypeError: when `data` is nothing of this, or as `tfqd.quantize_model`.
        ValueError: as `tfqd.quantize_model`; when no codebook is among the
            specs, there is no loss or no batch, a gradient is NaN or infinite,
            or a tensor would get a single point.

    Example:

    >>> import tensorflow as tf
    >>> data = tf.random.stateless_normal((64, 8), (1, 2)), tf.ones((64, 4))
    >>> allocation = tfqd.allocate_points(model, data, spec=tfqd.Codebook(bits=4), loss="mse")
    >>> sum(spec.levels for spec in allocation.values())
    32
    """
    copy = quantize_model(model, paper(4, codebook=True) if spec is None else spec)
    entries = find_quantized(copy)
    before = {
        entry.path: entry.quantizer.spec.levels
        for entry in entries
        if isinstance(entry.quantizer.spec, Codebook)
    }
    if not before:
        raise ValueError("the spec must have a tfqd.Codebook to redistribute points among")
    batches = labelled_batches(data, batch_size, steps)
    gradients = mean_gradients(copy, entries, batches, loss_function(model, loss))
    squares = dict.fromkeys(before, 0.0)
    for entry, gradient in zip(entries, gradients, strict=True):
        if entry.path in squares:  # several variables of one path share their points
            squares[entry.path] += float(tf.reduce_sum(tf.square(gradient)))
    norms = [math.sqrt(square) for square in squares.values()]
    counts = redistribute_points(norms, list(before.values()))
    new = dict(zip(before, counts, strict=True))
    return Allocation([_share(entry, new.get(entry.path)) for entry in entries])


def _share(entry, points: int | None) -> Share:
    spec = entry.quantizer.spec
    if points is not None:
        if points < 2:
            raise ValueError(
                f"{entry.path} would get {points} point of {spec.levels}; give more to begin with"
            )
        spec = spec.with_levels(min(points, spec.most_levels))
    return Share(entry.path, entry.size, spec)


def _checked_norm(norm) -> float:
    if not is_number(norm, 0):
        raise ValueError(f"norms must be finite numbers of at least 0; got {norm!r}")
    return float(norm)
