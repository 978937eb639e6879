"""Models made from architectures that a file holds, which may be damaged or hostile."""

import contextlib
import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfqd.compressed import ArchiveError, CompressedModel
from tfqd.wrapping.complaints import complaint
from tfqd.wrapping.repetitions import check_repetitions

# Seeds and counters, which are variables but no weights.
_OTHER_ELEMENTS = 2**16

BY_HAND = (
    "To have a model again, make it in code, plain, and give it the values of "
    "tfqd.load(path, 'compressed').dequantize(), which are in the order of its weights"
)


def model_of(compressed: CompressedModel, keras_version: str, deserialize: Callable[..., Any]):
    """The untrained model of an architecture; of no more weights than the file has.

    Args:
        compressed: with the architecture and the tensors that it must fit.
        keras_version: ``"keras"`` or ``"tf_keras"``, which `deserialize` is of.
        deserialize: makes a model of an architecture; takes `safe_mode`.

    Raises:
        ValueError: when there is no architecture, or it is of the other Keras version;
            names the reason and the remedy.
        ArchiveError: a ValueError, for one that cannot be made a model, or whose weights
            are not the tensors; before memory is taken for weights that no tensor fills.
    """
    if compressed.architecture is None:
        reason = compressed.no_architecture or "the compressed model holds none"
        raise ValueError(f"there is no architecture to make a model of: {reason}. {BY_HAND}")
    if compressed.keras_version != keras_version:
        name = {"keras": "Keras 3", "tf_keras": "tf_keras"}[keras_version]
        raise ValueError(
            f"a {name} model can be made only from a {name} architecture; that of the compressed "
            f"model is of {compressed.keras_version!r}"
        )
    check_repetitions(compressed.architecture)
    given = [tuple(tensor.shape) for tensor in compressed.tensors.values()]
    try:
        with _room_for(sum(map(math.prod, given))):
            # Keras edits what it reads; the architecture is to be read again.
            model = deserialize(copy.deepcopy(compressed.architecture), safe_mode=True)
            expected = [tuple(variable.shape) for variable in model.weights]
    except ArchiveError:
        raise
    except Exception as error:  # Keras raises many kinds at what it does not understand
        raise ArchiveError(_reason(error)) from error
    if expected != given:
        raise ArchiveError(
            f"the architecture {model.name!r} has {len(expected)} weights that the {len(given)} "
            "tensors do not fit"
        )
    return model


@contextlib.contextmanager
def _room_for(elements: int) -> Iterator[None]:
    """Inside, variables of more elements than these together are not created."""
    left = elements + _OTHER_ELEMENTS

    def create(next_creator, **arguments):
        nonlocal left
        left -= _elements(arguments)
        if left < 0:
            raise ArchiveError(
                f"the architecture has more weights than the file, which holds {elements:,}"
            )
        return next_creator(**arguments)

    with tf.variable_creator_scope(create):
        yield


def _elements(arguments: dict[str, Any]) -> int:
    """The elements of the variable that these arguments make; its values are not computed."""
    shape, value = arguments.get("shape"), arguments["initial_value"]
    if shape is None:
        if callable(value):
            with tf.Graph().as_default():
                shape = value().shape
        else:
            shape = np.shape(value)
    return math.prod(tf.TensorShape(shape).as_list())


def _reason(error: Exception) -> str:
    if "safe_mode" in str(error):
        return (
            "the architecture has a Python Lambda, whose code is never run from a file; use a "
            "layer class, registered by keras.saving.register_keras_serializable"
        )
    return f"the architecture cannot be made a model: {complaint(error)}"
