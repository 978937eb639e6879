"""What layers become in a file of integers, by their class and configuration.

The names are those of both Keras versions. Kernels are those of TensorFlow Lite and LiteRT.
"""

import enum
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tfqd.spec import WIDE_BITS


class Kind(enum.Enum):
    """How an operator's answers relate to what it takes."""

    INPUT = "an input of the model"
    WEIGHTED = "after a product with weights"
    NORMALIZATION = "after a normalization, a part of the product before it"
    RELU = "after a ReLU"
    MOVES = "the same numbers in other places, which nothing rounds"
    AVERAGES = "averages of numbers on a grid, rounded to it"
    JOINS = "several tensors side by side, of one range"
    COMPUTES = "after an operator of another range"
    FIXED = "the only range that the kernel knows"
    FLOAT = "after a layer without a kernel of integers, which stays float inside"
    UNROUNDED = "as it is: indices, and what a table has for them"


class Role(NamedTuple):
    """What a layer becomes.

    kind: see `Kind`.
    clips: of a product, whether it ends in a ReLU of its own.
    folds_relu: whether a ReLU that follows becomes a part of it.
    fixed: the ends that its kernel knows, of kind `FIXED`.
    symmetric_second: whether the second tensor that it takes needs a zero point of 0.
    """

    kind: Kind
    clips: bool = False
    folds_relu: bool = False
    fixed: tuple[float, float] | None = None
    symmetric_second: bool = False


class NoIntegerKernel(ValueError):
    """Why a layer has no kernel that computes with integers what it computes with floats."""


INPUT, FLOAT, UNROUNDED = Role(Kind.INPUT), Role(Kind.FLOAT), Role(Kind.UNROUNDED)

# Into which normalization and ReLU are folded.
_FOLDING = ("Dense", "Conv1D", "Conv2D", "DepthwiseConv2D")
_WEIGHTED = (*_FOLDING, "Conv2DTranspose")
_MOVES = (
    *("Flatten", "Reshape", "Permute", "Identity", "ZeroPadding2D", "Cropping2D"),
    *("MaxPooling2D", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise"),
    "GetItem",
)
_OF_TWO = ("Add", "Subtract", "Multiply")
_AVERAGES = ("AveragePooling2D",)
_COMPUTES = ("GlobalAveragePooling1D", "GlobalAveragePooling2D")

_OF_INTEGERS = ("CategoryEncoding", "Hashing", "IntegerLookup")
_CASTS = ("Cast", "tf.cast")

# The ends that kernels know alone: of INT8, and of INT16, which use one half for what has one sign.
_FIXED = {
    "sigmoid": {8: (0.0, 255 / 256), 16: (0.0, 32767 / 32768)},
    "softmax": {8: (0.0, 255 / 256), 16: (0.0, 32767 / 32768)},
    "tanh": {8: (-1.0, 127 / 128), 16: (-1.0, 32767 / 32768)},
}
# Clipping that the kernels of products and sums do themselves.
_CLIPS = ("relu", "relu6")

_TAKEN_APART = (
    "give it unroll=True, and no masks, states, dropout or activations of its own, to be taken "
    "apart, or keep it float by tfqd.Activations(without_kernel='float')"
)
_INSTEAD = {
    "LSTM": _TAKEN_APART,
    "GRU": _TAKEN_APART,
    "Bidirectional": _TAKEN_APART,
    "SeparableConv2D": "write it as DepthwiseConv2D and Conv2D of 1x1",
    "Rescaling": "scale the data before the model",
    "Normalization": "normalize the data before the model",
    "Embedding": "its kernels answer in floats",
}


def role_of(
    name: str,
    kind: str,
    config: Mapping[str, Any],
    tensors: int,
    bits: int = 8,
    rank: int | None = None,
) -> Role:
    """What a layer becomes.

    Args:
        name: the layer's, for errors.
        kind: the name of its class.
        config: its configuration; empty for an operation that has none.
        tensors: how many it takes.
        bits: of its kernel's activations, at most 8 or 16.
        rank: of the first of them; None where that is not known.

    Raises:
        NoIntegerKernel: a ValueError, for one that is not here.
    """
    if kind in _WEIGHTED:
        activation, clips = activation_of(config), _CLIPS if kind in _FOLDING else ()
        if activation not in ("linear", *clips):
            raise _no_kernel(name, kind, f"with activation {activation!r}")
        linear = activation == "linear"
        return Role(Kind.WEIGHTED, clips=not linear, folds_relu=linear and kind in _FOLDING)
    if kind in _MOVES:
        return Role(Kind.MOVES)
    if kind in _AVERAGES:
        return Role(Kind.AVERAGES)
    if kind == "Concatenate":
        return Role(Kind.JOINS)
    if kind in _OF_TWO and tensors == 2:
        return Role(Kind.COMPUTES, folds_relu=True)
    if kind == "Matmul" and tensors == 2:
        return Role(Kind.COMPUTES, symmetric_second=True)
    if kind in _COMPUTES:
        return Role(Kind.COMPUTES)
    if kind == "BatchNormalization":
        axes = np.ravel(config.get("axis", -1)).tolist()
        if rank is not None and axes not in ([-1], [rank - 1]):
            raise _no_kernel(name, kind, f"of axis {', '.join(map(str, axes))}")
        return Role(Kind.NORMALIZATION, folds_relu=True)
    function = _function_of(kind, config)
    if function in _CLIPS:
        return Role(Kind.RELU)
    if function in _FIXED:
        return Role(Kind.FIXED, fixed=_FIXED[function][WIDE_BITS if bits == WIDE_BITS else 8])
    detail = f"of {tensors} tensors" if kind in _OF_TWO else ""
    raise _no_kernel(name, kind, detail or (f"with activation {function!r}" if function else ""))


def role_as_float(kind: str) -> Role:
    """What a layer becomes that has no kernel of integers, and is not refused.

    Tables have rows of integers already, which converters would round anew by a range.
    """
    return UNROUNDED if kind == "Embedding" else FLOAT


def takes_integers(kind: str, to_integers: bool) -> bool:
    """Whether a layer takes the numbers of its input as integers, whatever their dtype.

    Args:
        kind: the name of its class.
        to_integers: whether it answers in integers.
    """
    return kind in _OF_INTEGERS or (kind in _CASTS and to_integers)


def separate_activation(kind: str, config: Mapping[str, Any]) -> str | None:
    """The activation of a product that is no part of its kernel, but an operator of its own.

    None where there is none, or where that has no kernel of integers.
    """
    activation = activation_of(config) if kind in _WEIGHTED else None
    return activation if activation in _FIXED else None


def activation_of(config: Mapping[str, Any]) -> str:
    """The name of a layer's activation, ``"linear"`` where it has none."""
    activation = config.get("activation") or "linear"
    if isinstance(activation, Mapping):
        activation = activation.get("registered_name") or activation.get("class_name")
    return str(activation)


def _function_of(kind: str, config: Mapping[str, Any]) -> str | None:
    """What a layer computes of each number, or of each example's; None for another layer."""
    if kind == "Activation":
        return activation_of(config)
    if kind == "Softmax":
        return "softmax" if config.get("axis", -1) == -1 else None
    if kind == "ReLU" and not (config.get("negative_slope") or config.get("threshold")):
        return {None: "relu", 6: "relu6"}.get(config.get("max_value"))
    return None


def _no_kernel(name: str, kind: str, detail: str) -> NoIntegerKernel:
    what = f"{kind} {detail}".strip()
    remedy = _INSTEAD.get(
        kind, "keep it float by tfqd.Activations(without_kernel='float'), or replace the layer"
    )
    return NoIntegerKernel(
        f"layer {name!r} ({what}) cannot compute with integers of activations: {remedy}"
    )
