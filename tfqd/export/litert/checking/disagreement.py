"""Where a file of integers and the model that it was made from part ways.

The file is run with kernels that leave every tensor to be read, and each tensor is held against
the answers of all layers of its shape: an operator ends where some layer ends, and names in
the file do not tell which.
"""

import contextlib
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tfqd.export.litert.checking.runtimes import computed_tensors
from tfqd.export.signature import Signature
from tfqd.wrapping import calls
from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.state import from_rest

# Examples that are looked at.
_EXAMPLES = 4


def first_disagreement(
    data: bytes,
    model: Any,
    signature: Signature,
    inputs: Mapping[str, np.ndarray],
    tolerance: float,
) -> str | None:
    """The name of the layer whose answers the file has first otherwise.

    Args:
        data: the file, with the converter's names.
        model: the plain model.
        signature: the model's.
        inputs: arrays by the signature's names, examples along their first axis.
        tolerance: how far answers may be off, relative to the range of their integers.

    Returns:
        None where no tensor of integers is off.
    """
    inputs = {name: array[:_EXAMPLES] for name, array in inputs.items()}
    answers = list(_answers_of_layers(model, signature, inputs))
    names = {name for name, _ in answers}
    for tensor in computed_tensors(data, inputs):
        apart = {
            name: float(np.abs(tensor.values - answer).max(initial=0.0))
            for name, answer in answers
            if answer.shape == tensor.values.shape
        }
        if apart and min(apart.values()) > tolerance * tensor.span:
            # The converter calls outputs of the model by no layer.
            return _layer(tensor.name, names) or min(apart, key=lambda name: apart[name])
    return None


def _answers_of_layers(model, signature: Signature, inputs) -> Iterator[tuple[str, np.ndarray]]:
    """The names of a model's layers and what they answer, call by call."""
    found: list[tuple[str, Any]] = []
    with contextlib.ExitStack() as watching:
        for layer in all_layers(model):
            if layer is not model:
                note = functools.partial(_note, found, layer.name)
                watching.enter_context(calls.watched(layer, note))
        with from_rest(model):
            signature.call(model, inputs)
    return ((name, np.asarray(each)) for name, each in found if hasattr(each, "shape"))


def _note(found: list[tuple[str, Any]], name: str, answer: Any) -> None:
    found.append((name, answer))


def _layer(tensor: str, names: set[str]) -> str | None:
    """The layer in a name such as ``model_1/dense_1/MatMul;...``, whose calls are numbered."""
    for step in tensor.split(";")[0].split("/"):
        for name in (re.sub(r"_\d+$", "", step), step):
            if name in names:
                return name
    return None
