"""Masks that tf_keras passes along otherwise than Keras 3 does are errors.

Neither Keras is told of a mask: layers pass it from one to the next. Inside a nested model no mask
is known before it is called, and then not where it ends.
"""

import inspect
from typing import Any

import keras

from tfqd.wrapping.keras3.insides import get_keras_mask
from tfqd.wrapping.layers import all_layers


def check_masks(layer: Any, passed: bool, args: tuple, kwargs: dict[str, Any]) -> None:
    """Holds what a tf_keras layer is about to be called on against what Keras 3 would do.

    Args:
        layer: of tf_keras.
        passed: whether Keras 3 passes it the mask of its first argument.
        args: what it is called on.
        kwargs: the same, by name.

    Raises:
        ValueError: when tf_keras alone passes that mask or Keras 3 alone, or for a masked product.
    """
    mask = get_keras_mask(args[0]) if args else None
    if passed and mask is None:
        raise ValueError(
            f"tf_keras gives layer {layer.name!r} no mask, as a layer before it passes none on in "
            "tf_keras; take that layer out, or make the mask an input of the model"
        )
    if not passed and mask is not None and _takes_mask(layer) and _has_others(args, kwargs):
        raise ValueError(
            f"tf_keras gives layer {layer.name!r} the mask of its first input, which Keras 3 "
            "leaves out beside others; call the layer with that mask too, or leave mask_zero off"
        )
    if any(get_keras_mask(x) is not None for x in keras.tree.flatten(args)):
        _check_products(layer)


def _takes_mask(layer) -> bool:
    return "mask" in inspect.signature(layer.call).parameters


def _has_others(args, kwargs) -> bool:
    """Whether there are tensors beside the first argument; a mask that is an input is none."""
    others = [args[1:], *(value for key, value in kwargs.items() if key != "mask")]
    return any(hasattr(x, "shape") for x in keras.tree.flatten(others))


def _check_products(layer) -> None:
    """Raises ValueError for a masked Multiply: Keras 3 alone replaces what is masked by 1 or 0."""
    for part in all_layers(layer):
        if type(part).__name__ == "Multiply":
            raise ValueError(
                f"layer {part.name!r} multiplies masked inputs, which is not the same in "
                "tf_keras; leave mask_zero off, or multiply before the mask is made"
            )
