"""What weights must be so that they can be quantized, in any Keras version."""

import numpy as np
import tensorflow as tf

# Ranges, and sums of squares over a billion weights, stay inside float32.
LARGEST_WEIGHT = 1e14


def check_finite(path: str, value: tf.Tensor) -> None:
    """Raises ValueError when `value`, of the variable at `path`, holds NaN or infinity."""
    if not bool(tf.reduce_all(tf.math.is_finite(value))):
        count = int(np.sum(~np.isfinite(value.numpy())))
        raise ValueError(
            f"{path} holds {count} NaN or infinite weights of {value.shape.num_elements()}; "
            "finite weights are needed to quantize it"
        )


def check_magnitude(path: str, value: tf.Tensor) -> None:
    """Raises ValueError when `value`, of the variable at `path`, is too large to quantize."""
    largest = float(tf.reduce_max(tf.abs(value)))
    if largest > LARGEST_WEIGHT:
        raise ValueError(
            f"{path} holds weights as large as {largest:.3g}; sums of their squares overflow "
            f"beyond {LARGEST_WEIGHT:.0e}. Scale the weights down, or map the path to None"
        )
