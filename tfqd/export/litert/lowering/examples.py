"""The examples by which a model's activations are calibrated."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tfqd.batches import input_batches
from tfqd.export.signature import Signature


class ExampleError(ValueError):
    """Why a batch of examples does not serve."""


class RepresentativeDataset:
    """Batches of inputs, read once.

    Attributes:
        first: the first batch.

    Args:
        data: arrays, a ``tf.data.Dataset`` or another iterable of batches, as
            `fit` takes them; of tuples the inputs are taken. Or what
            ``tf.lite.TFLiteConverter`` takes: a function without arguments that
            gives such an iterable; its lists and tuples hold an array for each input.

    Raises:
        TypeError: for something else.
        ValueError: when it has no batch, or no end.
    """

    def __init__(self, data: Any):
        batches = _called(data) if callable(data) else input_batches(data)
        batch = next(batches, None)
        if batch is None:
            raise ValueError("representative_dataset has no examples")
        self.first = batch
        self._batches = itertools.chain([batch], batches)

    def by_name(self, signature: Signature) -> Iterator[dict[str, np.ndarray]]:
        """The batches, as arrays by the names of the model's inputs.

        Raises:
            ExampleError: a ValueError, for a batch that does not fit the model, or whose
                maker fails.
        """
        try:
            for batch in self._batches:
                yield signature.check(batch, "representative_dataset")
        except ValueError as error:
            raise ExampleError(str(error)) from error
        except Exception as error:  # whatever a user's own function raises
            reason = f"{type(error).__name__}: {error}"
            raise ExampleError(f"representative_dataset failed with {reason}") from error


def _called(function: Callable[[], Any]) -> Iterator[Any]:
    """The batches of a function that yields arrays for a model's inputs in their order."""
    batches = function()
    if not isinstance(batches, Iterable):
        raise TypeError(
            "representative_dataset must yield batches of inputs, as [array]; calling it gave "
            f"{type(batches).__name__}"
        )
    return (list(batch) if isinstance(batch, tuple) else batch for batch in batches)
