"""Masks that tf_keras passes along otherwise than Keras 3 does are errors.

Neither Keras is told of a mask: layers pass it from one to the next. Inside a nested model no mask
is known before it is called, and then not where it ends.
"""

import inspect
from typing import Any

import keras

from tfqd.wrapping.keras3.insides import get_keras_mask
from tfqd.wrapping.keras3.masks import has_masked_inputs, has_one_mask
from tfqd.wrapping.layers import all_layers

# Merges that compute something else where an input is masked, in Keras 3 alone.
_REPLACING = {"Maximum", "Minimum", "Multiply"}
# Merges that join their inputs' masks by "or" in Keras 3 and by "and" in tf_keras.
_JOINING = {"Add", "Average", "Concatenate", "Subtract"}
_ONE_MASK = " unless all have the same mask"


def check_masks(
    layer: Any, ours: keras.layers.Layer, passed: bool, args: tuple, kwargs: dict[str, Any]
) -> None:
    """Holds what a tf_keras layer is about to be called on against what Keras 3 would do.

    Args:
        layer: of tf_keras.
        ours: the layer of Keras 3.
        passed: whether Keras 3 passes it the mask of its first argument.
        args: what it is called on.
        kwargs: the same, by name.

    Raises:
        ValueError: when tf_keras alone passes that mask or Keras 3 alone, or for a merge of
            masked inputs that computes or passes along something else.
    """
    masks = [get_keras_mask(x) for x in keras.tree.flatten(args)]
    masked = any(mask is not None for mask in masks)
    mask = get_keras_mask(args[0]) if args else None
    lost = not masked and _heeds_masks(layer) and has_masked_inputs(ours)
    if lost or (passed and mask is None):
        raise ValueError(
            f"tf_keras gives layer {layer.name!r} no mask, as a layer before it passes none on in "
            "tf_keras; take that layer out, or make the mask an input of the model"
        )
    if not passed and mask is not None and _takes_mask(layer) and _has_others(args, kwargs):
        raise ValueError(
            f"tf_keras gives layer {layer.name!r} the mask of its first input, which Keras 3 "
            "leaves out beside others; call the layer with that mask too, or leave mask_zero off"
        )
    if masked:
        same = all(mask is not None for mask in masks) and has_one_mask(ours)
        _check_merges(layer, same)


def _heeds_masks(layer) -> bool:
    kinds = {"MultiHeadAttention", *_JOINING, *_REPLACING}
    return _takes_mask(layer) or any(type(part).__name__ in kinds for part in all_layers(layer))


def _takes_mask(layer) -> bool:
    return "mask" in inspect.signature(layer.call).parameters


def _has_others(args, kwargs) -> bool:
    """Whether there are tensors beside the first argument; a mask that is an input is none."""
    others = [args[1:], *(value for key, value in kwargs.items() if key != "mask")]
    return any(hasattr(x, "shape") for x in keras.tree.flatten(others))


def _check_merges(layer, one_mask: bool) -> None:
    """Raises ValueError for a merge, also in a nested model, that masks change in tf_keras."""
    for part in all_layers(layer):
        kind = type(part).__name__
        if kind in _REPLACING or (kind in _JOINING and not (part is layer and one_mask)):
            raise ValueError(
                f"layer {part.name!r}, a {kind}, merges masked inputs, which is not the same in "
                f"tf_keras{_ONE_MASK if kind in _JOINING else ''}; leave mask_zero off, or merge "
                "before the mask is made"
            )
