"""How often a layer multiplies by each weight of a kernel, for one example."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel")

_CONVOLUTIONS = (
    *("Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D"),
    *("SeparableConv1D", "SeparableConv2D"),
)
_TRANSPOSED = ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
_RECURRENT = ("LSTM", "GRU", "SimpleRNN")

Shape = Sequence[int | None]


def uses_of_weights(
    kind: str, config: Mapping[str, Any], shapes: tuple[Shape, Shape], kernel: Shape
) -> int | None:
    """How often each weight of a kernel is used: multiply-adds over the kernel's weights.

    Args:
        kind: the name of the layer's class.
        config: its configuration.
        shapes: of what it takes and gives, of one example, with the axis of examples.
        kernel: the shape of its kernel.

    Returns:
        None where the layer is not known here, or a size that it takes to count.
    """
    taken, given = shapes
    if kind == "Bidirectional":
        kind = config["layer"]["class_name"]
        counted = taken[1:2] if kind in _RECURRENT else (None,)
    elif kind == "Dense":
        counted = given[1:-1]
    elif kind in _CONVOLUTIONS:
        counted = _places(given, config)
    elif kind in _TRANSPOSED:
        counted = _places(taken, config)
    elif kind in _RECURRENT:
        counted = taken[1:2]
    elif kind == "EinsumDense":
        counted = _left_by_the_kernel(config["equation"], taken, kernel)
    else:
        return None
    known = [size for size in counted if size is not None]
    return math.prod(known) if len(known) == len(counted) else None


def _places(shape: Shape, config: Mapping[str, Any]) -> Shape:
    """The sizes of an image without its channels."""
    return shape[2:] if config.get("data_format") == "channels_first" else shape[1:-1]


def _left_by_the_kernel(equation: str, taken: Shape, kernel: Shape) -> Shape:
    """The sizes of the axes in an equation that its kernel has not, but for that of examples."""
    operands = equation.replace(" ", "").split("->")[0].split(",")
    if "." in equation or [len(each) for each in operands] != [len(taken), len(kernel)]:
        return (None,)
    named = list(zip(operands[0], taken, strict=True))[1:]
    return [size for name, size in named if name not in operands[1]]
