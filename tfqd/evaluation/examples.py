"""What models are asked, and what they should answer."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfqd.batches import labelled_batches


class Examples(NamedTuple):
    """All examples of an evaluation.

    inputs: an array whose first axis counts examples, or a list or mapping of them.
    labels: array [examples, ...].
    weights: how much each counts, array [examples, ...], or None where all count alike.
    """

    inputs: Any
    labels: np.ndarray
    weights: np.ndarray | None

    @classmethod
    def of(cls, data: Any) -> "Examples":
        """All that `tfqd.evaluate` is given as data.

        Raises:
            TypeError: when it is nothing of this.
            ValueError: when it has no end, no example, other numbers of inputs, labels and
                weights, or labels or weights that are not finite or below 0.
        """
        inputs, labels, weights = _arrays(data) if isinstance(data, tuple) else _joined(data)
        _check(inputs, labels, weights)
        return cls(inputs, labels, weights)

    def counting(self, mask: np.ndarray | None) -> np.ndarray | None:
        """The weights, with 0 for what is masked; None where all count alike.

        Args:
            mask: which answers count, bool [examples, steps]; None for all.

        Raises:
            ValueError: for weights that are neither one an example nor one a step.
        """
        weights = self.weights
        if weights is not None and weights.ndim > 1 and weights.shape[-1] == 1:
            weights = weights[..., 0]
        if mask is None or weights is None:
            return weights if mask is None else mask.astype(np.float64)
        if weights.shape != mask.shape[: weights.ndim]:
            raise ValueError(
                f"sample weights must be one an example, or have the shape {mask.shape}; got "
                f"{weights.shape}"
            )
        return weights.reshape(weights.shape + (1,) * (mask.ndim - weights.ndim)) * mask


def _check(inputs: Any, labels: np.ndarray, weights: np.ndarray | None) -> None:
    count = len(labels)
    if not count:
        raise ValueError("data has no example")
    for name, arrays in {"inputs": inputs, "weights": weights}.items():
        for array in tf.nest.flatten(arrays):
            if array is not None and len(array) != count:
                raise ValueError(
                    f"data must have as many labels as {name}; got {count} and {len(array)}"
                )
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("labels must be finite; they hold NaN or infinity")
    if weights is not None and not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError("sample weights must be finite, and 0 or more")


def _arrays(data: tuple) -> tuple[Any, Any, Any]:
    if len(data) not in (2, 3):
        raise TypeError(
            f"data must be (inputs, labels) or (inputs, labels, sample weights); got {len(data)} "
            "of them"
        )
    inputs, labels, *weights = data
    if isinstance(inputs, Mapping):
        inputs = {name: np.asarray(array) for name, array in inputs.items()}
    elif isinstance(inputs, list | tuple):
        inputs = [np.asarray(array) for array in inputs]
    else:
        inputs = np.asarray(inputs)
    weighed = np.asarray(weights[0]) if weights and weights[0] is not None else None
    return inputs, np.asarray(labels), weighed


def _joined(data: Any) -> tuple[Any, Any, Any]:
    batches = list(labelled_batches(data, 128))
    if not batches:
        raise ValueError("data has no example")
    if len({weights is None for _, _, weights in batches}) > 1:
        raise ValueError("sample weights must be in all batches of data, or in none")
    try:
        inputs, labels, weights = (
            tf.nest.map_structure(_concatenated, *parts) for parts in zip(*batches, strict=True)
        )
    except ValueError as error:
        raise ValueError(
            f"batches of data must have one shape but for their examples, as sequences do that "
            f"are padded to one length: {error}"
        ) from error
    return list(inputs) if isinstance(inputs, tuple) else inputs, labels, weights


def _concatenated(*parts):
    return None if parts[0] is None else np.concatenate(parts)
