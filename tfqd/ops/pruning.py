"""Which weights of a tensor to keep, by their magnitudes."""

import numpy as np

STRUCTURES = ("weights", "2:4", "channels")


def kept_weights(
    weights: np.ndarray, sparsity: float, structure: str, channel_axes: tuple[int, ...]
) -> np.ndarray:
    """Which weights stay when a share of them is put to zero.

    Args:
        weights: floats of any shape, finite.
        sparsity: the share to put to zero, from 0 to below 1; of ``"2:4"`` up to 0.5.
        structure: ``"weights"``, those of smallest magnitude; ``"2:4"``, the two smallest
            of four in a row, in as many fours as the share asks for, those first in which
            that costs least; ``"channels"``, whole output channels, those of smallest
            squared norm. One weight or channel stays in any case.
        channel_axes: the axes that index the output channel.

    Returns:
        bool, the weights' shape.

    Raises:
        ValueError: for a structure that the tensor cannot have.
    """
    if structure == "weights":
        return _largest(np.abs(weights), min(round(sparsity * weights.size), weights.size - 1))
    if structure == "channels":
        return _largest_channels(weights, sparsity, channel_axes)
    return _two_of_four(weights, 2 * sparsity, channel_axes)


def _largest(values: np.ndarray, dropped: int) -> np.ndarray:
    """All but so many of the smallest; of equal ones the first are dropped."""
    kept = np.ones(values.size, bool)
    kept[np.argsort(values, axis=None, kind="stable")[:dropped]] = False
    return kept.reshape(values.shape)


def _summed_axes(weights: np.ndarray, channel_axes: tuple[int, ...]) -> tuple[int, ...]:
    """The axes that an output channel sums over."""
    channels = {axis % weights.ndim for axis in channel_axes}
    return tuple(axis for axis in range(weights.ndim) if axis not in channels)


def _largest_channels(weights, sparsity, channel_axes) -> np.ndarray:
    summed = _summed_axes(weights, channel_axes)
    if not channel_axes or not summed:
        raise ValueError(f"a tensor of shape {weights.shape} has no channels of several weights")
    norms = np.square(weights, dtype=np.float64).sum(summed, keepdims=True)
    dropped = min(round(sparsity * norms.size), norms.size - 1)
    return np.broadcast_to(_largest(norms, dropped), weights.shape)


def _two_of_four(weights, share, channel_axes) -> np.ndarray:
    """Fours lie along the last axis that is summed over, as sparse kernels take them."""
    summed = _summed_axes(weights, channel_axes)
    if not summed or weights.shape[summed[-1]] % 4:
        raise ValueError(
            f"a tensor of shape {weights.shape} has no fours: its inputs must be a multiple of 4"
        )
    moved = np.moveaxis(np.abs(weights), summed[-1], -1)
    fours = moved.reshape(-1, 4)
    order = np.argsort(fours, axis=-1, kind="stable")
    smaller, larger = order[:, :2], order[:, 2:]
    costs = np.take_along_axis(fours, smaller, -1).sum(-1)
    kept = np.repeat(_largest(costs, round(share * costs.size))[:, None], 4, axis=-1)
    np.put_along_axis(kept, larger, True, -1)
    return np.moveaxis(kept.reshape(moved.shape), -1, summed[-1])
