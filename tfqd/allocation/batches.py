"""Batches with targets, from whatever `fit` takes as data."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow as tf

from tfqd.spec.bucketing import checked_count


def labelled_batches(data, batches: int, batch_size: int) -> Iterator[tuple[Any, Any, Any]]:
    """Inputs, targets and sample weights (or None), batch by batch.

    Args:
        data: a tuple of inputs, targets and perhaps sample weights, arrays or
            structures of them; or a ``tf.data.Dataset``, PyDataset or other
            iterable of such tuples.
        batches: number of batches to stop after.
        batch_size: of arrays; other data has its batches.

    Raises:
        TypeError: when `data` is nothing of this.
        ValueError: when `batches` or `batch_size` is no positive integer.
    """
    checked_count("batches", batches)
    checked_count("batch_size", batch_size)
    if isinstance(data, tuple):
        found = _slices(_labelled(data), batch_size)
    elif isinstance(data, Iterable):
        found = map(_labelled, data)
    elif hasattr(data, "__getitem__"):  # a PyDataset
        found = (_labelled(data[i]) for i in range(len(data)))
    else:
        raise TypeError(
            "data must be a tuple of inputs and targets, a tf.data.Dataset, a PyDataset or an "
            f"iterable of batches; got {type(data).__name__}"
        )
    return itertools.islice(found, batches)


def _labelled(batch) -> tuple[Any, Any, Any]:
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        raise TypeError(
            "a batch must be a tuple of inputs, targets and perhaps sample weights; got "
            f"{type(batch).__name__}"
        )
    inputs, targets, *weights = tf.nest.map_structure(tf.convert_to_tensor, tuple(batch))
    return inputs, targets, weights[0] if weights else None


def _slices(arrays, batch_size: int) -> Iterator[tuple[Any, Any, Any]]:
    size = len(tf.nest.flatten(arrays)[0])
    for start in range(0, size, batch_size):
        part = slice(start, start + batch_size)
        yield tf.nest.map_structure(
            lambda array, part=part: None if array is None else array[part], arrays
        )
