"""The examples by which a model's activations are calibrated."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfqd.batches import input_batches
from tfqd.export.signature import Signature

# As many examples a file is held against the model by.
_HELD = 32


class ExampleError(ValueError):
    """Why a batch of examples does not serve."""


class RepresentativeDataset:
    """Batches of inputs, read once.

    Args:
        data: arrays, a ``tf.data.Dataset`` or another iterable of batches, as
            `fit` takes them; of tuples the inputs are taken. Or what
            ``tf.lite.TFLiteConverter`` takes: a function without arguments that
            gives such an iterable; its lists and tuples hold an array for each input.

    Attributes:
        first: the first 32 examples, or all, as the model takes them.

    Raises:
        TypeError: for something else.
        ValueError: when it has no batch, or no end.
    """

    def __init__(self, data: Any):
        batches = _named_failures(_called(data) if callable(data) else input_batches(data))
        firsts: list[Any] = []
        while sum(map(_count, firsts)) < _HELD and (batch := next(batches, None)) is not None:
            firsts.append(batch)
        if not firsts:
            raise ValueError("representative_dataset has no examples")
        self.first = _joined(firsts)
        self._batches = itertools.chain(firsts, batches)

    def by_name(self, signature: Signature) -> Iterator[dict[str, np.ndarray]]:
        """The batches, as arrays by the names of the model's inputs.

        Raises:
            ExampleError: a ValueError, for a batch that does not fit the model, or whose
                maker fails.
        """
        for batch in self._batches:
            try:
                arrays = signature.check(batch, "representative_dataset")
            except ValueError as error:
                raise ExampleError(str(error)) from error
            yield arrays


def _named_failures(batches: Iterator[Any]) -> Iterator[Any]:
    """The batches; what their maker raises is an error of the examples."""
    try:
        yield from batches
    except ValueError as error:
        raise ExampleError(str(error)) from error
    except Exception as error:  # whatever a user's own function raises
        reason = f"{type(error).__name__}: {error}"
        raise ExampleError(f"representative_dataset failed with {reason}") from error


def _count(batch) -> int:
    """The examples of a batch; one where its arrays do not say."""
    arrays = tf.nest.flatten(batch)
    return len(arrays[0]) if arrays and np.ndim(arrays[0]) else 1


def _joined(batches: list[Any]) -> Any:
    """The first 32 examples of some batches; of batches that do not fit together, those of one."""
    try:
        return tf.nest.map_structure(
            lambda *parts: np.concatenate([np.asarray(part) for part in parts])[:_HELD], *batches
        )
    except (TypeError, ValueError):
        return batches[0]


def _called(function: Callable[[], Any]) -> Iterator[Any]:
    """The batches of a function that yields arrays for a model's inputs in their order."""
    batches = function()
    if not isinstance(batches, Iterable):
        raise TypeError(
            "representative_dataset must yield batches of inputs, as [array]; calling it gave "
            f"{type(batches).__name__}"
        )
    return (list(batch) if isinstance(batch, tuple) else batch for batch in batches)
