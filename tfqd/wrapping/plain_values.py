"""Plain models that hold the quantized values of a callback, and what to do with them.

When `tfqd.callbacks.QuantizeWeights` has trained a model, its float variables hold
quantized values and nothing in it says so. The quantizers are remembered beside
it, so that no one takes it for a float model by mistake.
"""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tfqd.quantizers import Quantizer

_ATTRIBUTE = "_quantizers_of_tfqd"
# As a share of the largest weight; half a step of 8 bits is 16 times as much.
_TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True, eq=False)
class Remembered:
    """What quantized the variables of a plain model.

    entries: variables with their quantizers and these ones' own variables by role.
    """

    entries: list[tuple[Any, Quantizer, dict[str, Any]]]


def remember(model, entries: list[tuple[Any, Quantizer, dict[str, Any]]]) -> None:
    """Keeps beside a plain model what quantizes its variables; see `Remembered`."""
    # Past __setattr__, through which Keras would track and save it.
    vars(model)[_ATTRIBUTE] = Remembered(entries)


def holds_quantized_values(model) -> bool:
    """Whether it is a plain model that `QuantizeWeights` trained, with its quantized values.

    It is not when float weights were put back, or trained since.
    """
    remembered = getattr(model, "__dict__", {}).get(_ATTRIBUTE)
    return remembered is not None and all(_is_on_grid(*each) for each in remembered.entries)


def how_to_quantize(model) -> str:
    """The call that makes a quantized model of a plain one, for errors."""
    if _ATTRIBUTE in vars(model):
        return (
            "it trained under tfqd.callbacks.QuantizeWeights; callback.quantized_model() is its "
            "quantized form"
        )
    return "tfqd.quantize_model(model, spec) quantizes it"


def as_floats(model) -> str | None:
    """What to say before the quantized values of a plain model are taken for floats; or None."""
    if not holds_quantized_values(model):
        return None
    return (
        f"model {model.name!r} trained under tfqd.callbacks.QuantizeWeights, and holds its "
        "quantized values as floats; callback.quantized_model() is the quantized form"
    )


def _is_on_grid(variable, quantizer: Quantizer, state: dict[str, Any]) -> bool:
    value = tf.cast(tf.convert_to_tensor(variable), tf.float32)
    apart = np.abs(quantizer(value, False, state) - value)
    return bool(apart.max() <= _TOLERANCE * np.abs(value).max())
