"""A whole model in compressed form."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfqd.compressed.tensor import QuantizedTensor


@dataclasses.dataclass(frozen=True, eq=False)
class Probes:
    """What the quantized model answered: an export that answers otherwise is wrong.

    Args:
        inputs: arrays that the model was called with, by name.
        outputs: its outputs for them, by name.
    """

    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class CompressedModel:
    """Codes, points and scales of the quantized weights; the rest as it is.

    Args:
        tensors: every weight of the model by its path, in the model's own
            order (Keras' ``model.weights``): a `QuantizedTensor` or, for what
            stayed float (biases, normalization), a numpy array.
        architecture: the plain model's Keras serialization as JSON values, or
            None when only the weights are known.
        no_architecture: then, why so, in one printable line; None where nobody said.
        keras_version: ``"keras"`` or ``"tf_keras"``, whose serialization that is.
        facts: what the user wants to keep about the training, as JSON values.
        probes: inputs and outputs of the quantized model, to verify exports by.
    """

    tensors: Mapping[str, QuantizedTensor | np.ndarray]
    architecture: dict[str, Any] | None = None
    keras_version: str = "keras"
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    probes: Probes | None = None
    no_architecture: str | None = None

    def __repr__(self) -> str:
        return (
            f"<CompressedModel of {self.keras_version}: {len(self.quantized)} quantized tensors, "
            f"{len(self.rest)} float>"
        )

    @property
    def quantized(self) -> dict[str, QuantizedTensor]:
        """The quantized tensors by path."""
        return {k: t for k, t in self.tensors.items() if isinstance(t, QuantizedTensor)}

    @property
    def rest(self) -> dict[str, np.ndarray]:
        """The weights that stayed float, by path."""
        return {k: t for k, t in self.tensors.items() if not isinstance(t, QuantizedTensor)}

    def dequantize(self) -> dict[str, np.ndarray]:
        """Every weight as an array, in the model's order, by path.

        The quantized ones have, bit for bit, the values of the quantized
        forward pass.
        """
        return {
            path: tensor.dequantize() if isinstance(tensor, QuantizedTensor) else tensor
            for path, tensor in self.tensors.items()
        }
