"""The examples by which a model's activations are calibrated."""

import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from tfqd.batches import input_batches
from tfqd.export import probes as probing
from tfqd.export.signature import Signature


class RepresentativeDataset:
    """Batches of inputs, read once.

    Attributes:
        first: the first example, as a batch of one that compresses well: what the
            file is held against the model by.

    Args:
        data: arrays, a ``tf.data.Dataset`` or another iterable of batches, as
            `fit` takes them; of tuples the inputs are taken.

    Raises:
        TypeError: for something else.
        ValueError: when it has no batch, or no end.
    """

    def __init__(self, data: Any):
        batches = input_batches(data)
        batch = next(batches, None)
        if batch is None:
            raise ValueError("representative_dataset has no examples")
        self._batches = itertools.chain([batch], batches)
        self.first = keras.tree.map_structure(lambda array: probing.coarse(array[:1]), batch)

    def by_name(self, signature: Signature) -> Iterator[dict[str, np.ndarray]]:
        """The batches, as arrays by the names of the model's inputs.

        Raises:
            ValueError: for a batch that does not fit the model.
        """
        return (signature.check(batch, "representative_dataset") for batch in self._batches)
