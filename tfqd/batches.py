"""Whatever `fit` takes as data, batch by batch: its inputs, or inputs and targets."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfqd.spec.checks import checked_count, checked_optional_count


def input_batches(data, batch_size: int = 128, steps: int | None = None) -> Iterator[Any]:
    """Batches of model inputs; all of them in the order of the data.

    Args:
        data: a ``tf.data.Dataset``, a PyDataset or another iterable of batches,
            or arrays. A batch, or all arrays, may be a tuple of inputs, targets
            and sample weights, of which the inputs are taken; several inputs
            are a list or dict.
        batch_size: of arrays; other data has its batches.
        steps: number of batches to stop after; None for all. Of arrays that have more
            examples, as many are taken from all over them, as they may be sorted.

    Raises:
        TypeError: when `data` is nothing of this.
        ValueError: when it has no end and `steps` is None, or `steps` or
            `batch_size` is less than 1.
    """
    checked_count("batch_size", batch_size)
    checked_optional_count("steps", steps)
    if _is_arrays(data):
        inputs = _inputs(data) if steps is None else _spread(_inputs(data), batch_size, steps)
        return _slices(inputs, batch_size)
    return map(_inputs, itertools.islice(_batches(data, steps, "arrays"), steps))


def labelled_batches(
    data, batch_size: int, steps: int | None = None
) -> Iterator[tuple[Any, Any, Any]]:
    """Inputs, targets and sample weights (or None), batch by batch.

    Args:
        data: a tuple of inputs, targets and perhaps sample weights, arrays or
            structures of them; or a ``tf.data.Dataset``, PyDataset or other
            iterable of such tuples.
        batch_size, steps: as of `input_batches`.

    Raises:
        TypeError, ValueError: as `input_batches`.
    """
    checked_count("batch_size", batch_size)
    checked_optional_count("steps", steps)
    if isinstance(data, tuple):
        parts = data if steps is None else _spread(data, batch_size, steps)
        return _slices(_labelled(parts), batch_size)
    found = _batches(data, steps, "a tuple of inputs and targets")
    return map(_labelled, itertools.islice(found, steps))


def first_examples(data, count: int) -> tuple[Any, Any]:
    """The inputs of the first examples, and data that still begin with them.

    Args:
        data: a tuple that begins with arrays of inputs; or a ``tf.data.Dataset``, PyDataset
            or other iterable of tuples of inputs and targets.
        count: how many examples at most.

    Returns:
        The inputs in their structure, and `data`, or where reading it takes from it, what
        gives the same batches.

    Raises:
        TypeError: when `data` is nothing of this.
        ValueError: when it holds no batch.
    """
    if isinstance(data, tuple):
        inputs, *_ = data
    else:
        batch = next(iter(_batches(data, 1, "a tuple of inputs and targets")), None)
        if batch is None:
            raise ValueError("data holds no batch")
        inputs, *_ = _labelled(batch)
        if isinstance(data, Iterator):
            data = itertools.chain([batch], data)
    return tf.nest.map_structure(lambda array: array[:count], inputs), data


def even_batch_size(examples: int, most: int) -> int:
    """The size of batches that are all alike, which TensorFlow traces a function for but once.

    Args:
        examples: how many there are.
        most: the size that batches are to have at most, and more than half of; where no such
            size divides the examples, all but the last batch have it.

    Example:

    >>> even_batch_size(300, 256), even_batch_size(10_000, 256), even_batch_size(257, 256)
    (150, 250, 256)
    """
    sizes = range(min(most, examples), most // 2, -1)
    return next((size for size in sizes if examples % size == 0), most)


def example_count(batch) -> tf.Tensor | None:
    """The number of examples in a batch, by its first array: int32 []; None of no array."""
    arrays = (array for array in tf.nest.flatten(batch) if array is not None)
    first = next(arrays, None)
    return None if first is None else tf.shape(first)[0]


def _spread(arrays, batch_size: int, steps: int):
    """So many batches of examples from the first to the last, each of which has some of all places.

    Arrays of no more examples stay as they are.
    """
    size, count = len(tf.nest.flatten(arrays)[0]), batch_size * steps
    if size <= count:
        return arrays
    places = np.linspace(0, size - 1, count).astype(int).reshape(batch_size, steps).T
    return tf.nest.map_structure(lambda array: np.asarray(array)[places.reshape(-1)], arrays)


def _inputs(batch):
    return batch[0] if isinstance(batch, tuple) else batch


def _labelled(batch) -> tuple[Any, Any, Any]:
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        raise TypeError(
            "a batch must be a tuple of inputs, targets and perhaps sample weights; got "
            f"{type(batch).__name__}"
        )
    inputs, targets, *weights = tf.nest.map_structure(tf.convert_to_tensor, tuple(batch))
    return inputs, targets, weights[0] if weights else None


def _slices(arrays, batch_size: int) -> Iterator[Any]:
    size = len(tf.nest.flatten(arrays)[0])
    for start in range(0, size, batch_size):
        part = slice(start, start + batch_size)
        yield tf.nest.map_structure(
            lambda array, part=part: None if array is None else array[part], arrays
        )


def _batches(data, steps: int | None, arrays: str) -> Iterable:
    """The batches that `data` holds; `arrays` says what else it might have been."""
    if not isinstance(data, Iterable) and not hasattr(data, "__getitem__"):
        raise TypeError(
            f"data must be {arrays}, a tf.data.Dataset, a PyDataset or an iterable of batches; got "
            f"{type(data).__name__}"
        )
    if isinstance(data, tf.data.Dataset):
        endless = int(data.cardinality()) == tf.data.INFINITE_CARDINALITY
    else:
        # A PyDataset of unknown length says None.
        endless = getattr(data, "num_batches", 0) is None
    if endless and steps is None:
        raise ValueError("data has no end; give the number of batches to take")
    if not hasattr(data, "__getitem__"):
        return data
    # A PyDataset, or a Sequence of tf_keras: what iterating one does differs by version.
    return (data[i] for i in (itertools.count() if endless else range(len(data))))


def _is_arrays(data) -> bool:
    inputs = _inputs(data)
    if isinstance(inputs, Mapping):
        inputs = list(inputs.values())
    parts = inputs if isinstance(inputs, list) else [inputs]
    return bool(parts) and all(isinstance(part, np.ndarray) or tf.is_tensor(part) for part in parts)
