"""What is known in inference of channels that are the same whatever comes in."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

_BY_ITSELF = {
    *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "mish"),
    *("sigmoid", "hard_sigmoid", "hard_silu", "hard_swish", "tanh", "softplus", "softsign"),
    "exponential",
}


def mixes_channels(layer) -> bool:
    """Whether a layer's activation may make a number of several channels, as softmax does."""
    name = keras.activations.serialize(layer.activation)
    return not isinstance(name, str) or name not in _BY_ITSELF


def activated(layer, constants: np.ndarray) -> np.ndarray | None:
    """What a layer's activation makes of constants; None for one that may mix channels."""
    return None if mixes_channels(layer) else run_on(layer.activation, constants)


def run_on(function: Callable, constants: np.ndarray) -> np.ndarray:
    """What a function of each channel by itself makes of those that are constant."""
    known = ~np.isnan(constants)
    given = tf.constant(np.where(known, constants, 0.0)[None])
    return np.where(known, np.asarray(function(given))[0], np.nan).astype(np.float32)


def folded(constants: np.ndarray, which: np.ndarray, by_pair: np.ndarray) -> np.ndarray:
    """What some of the input channels, all constant, add to each output channel.

    Args:
        constants: [inputs].
        which: bool [inputs].
        by_pair: the kernel, [places, inputs, outputs].
    """
    return np.where(which, constants, 0.0) @ by_pair.sum(axis=0)
