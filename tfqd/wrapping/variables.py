"""What variables' names, layers and values say about them, in any Keras version."""

import hashlib
import re

import numpy as np

_NOT_A_KERNEL = re.compile(r"(^|_)((bias|gamma|beta|alpha)(_|$)|scale$)")


def is_kernel(name: str, rank: int) -> bool:
    """Whether a trainable variable is a kernel, recurrent kernel or embedding.

    Others of two or more axes, as tables of positions, count as such. Biases (of any rank:
    those of attention and GRU layers are matrices), normalization gains and the slopes of
    PReLU are not.
    """
    return rank >= 2 and not _NOT_A_KERNEL.search(name)


def channel_axes(layer, name: str, rank: int) -> tuple[int, ...]:
    """The axes of a layer's variable that index its output channel.

    The other axes are those that the layer sums over. Embeddings count each row
    as a channel, since a lookup reads whole rows; reverse embeddings, which make
    logits, each logit.

    Args:
        layer: the layer that owns the variable.
        name: the variable's own name, such as ``"kernel"``.
        rank: number of dimensions of the variable.
    """
    if rank < 2:
        return ()
    kinds = {cls.__name__ for cls in type(layer).__mro__}
    if "depthwise" in name or kinds & {"BaseDepthwiseConv", "DepthwiseConv", "DepthwiseConv2D"}:
        return (-2, -1)
    if kinds & {"BaseConvTranspose", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"}:
        return (-2,)
    if "embeddings" in name and "reverse" not in name:
        return (0,)
    if "EinsumDense" in kinds and name == "kernel":
        return _einsum_channel_axes(layer.equation)
    return (-1,)


def _einsum_channel_axes(equation: str) -> tuple[int, ...]:
    """The kernel's axes that the output keeps and the input does not sum over."""
    _, kernel, output = re.split(r",|->", equation.replace(" ", ""))
    kept = tuple(axis for axis, letter in enumerate(kernel) if letter in output)
    return kept or (len(kernel) - 1,)


def weights_digest(model) -> str:
    """The SHA-256 of a model's weights, in their order, with shapes and dtypes."""
    digest = hashlib.sha256()
    for variable in model.weights:
        value = np.ascontiguousarray(variable.numpy())
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
