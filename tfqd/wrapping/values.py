"""What weights must be so that they can be quantized or stored, in any Keras version."""

import numpy as np
import tensorflow as tf

# Ranges, and sums of squares over a billion weights, stay inside float32.
LARGEST_WEIGHT = 1e14


def check_finite(path: str, value: tf.Tensor) -> None:
    """Raises ValueError when `value`, of the variable at `path`, holds NaN or infinity."""
    _check(path, value, tf.math.is_finite(value), "finite weights are needed to quantize it")


def check_float(path: str, value: tf.Tensor, trainable: bool) -> None:
    """Raises ValueError when `value`, of the variable at `path`, is not to be kept as floats.

    Infinity in what nothing trains is meant, as in a mask of attention scores. In what is
    trained it is an accident, and so is NaN in either.
    """
    if trainable:
        _check(path, value, tf.math.is_finite(value), "a trainable variable must be finite")
    else:
        _check(path, value, ~tf.math.is_nan(value), "infinity may be kept, NaN may not")


def _check(path: str, value: tf.Tensor, good: tf.Tensor, needed: str) -> None:
    """Raises ValueError unless all of `value` is `good`."""
    if not bool(tf.reduce_all(good)):
        count = int(np.sum(~np.isfinite(value.numpy())))
        raise ValueError(
            f"{path} holds {count} NaN or infinite weights of {value.shape.num_elements()}; "
            f"{needed}"
        )


def check_magnitude(path: str, value: tf.Tensor) -> None:
    """Raises ValueError when `value`, of the variable at `path`, is too large to quantize."""
    largest = float(tf.reduce_max(tf.abs(value)))
    if largest > LARGEST_WEIGHT:
        raise ValueError(
            f"{path} holds weights as large as {largest:.3g}; sums of their squares overflow "
            f"beyond {LARGEST_WEIGHT:.0e}. Scale the weights down, or map the path to None"
        )
