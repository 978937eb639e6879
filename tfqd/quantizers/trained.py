"""Variables of a quantizer that are trained, at a pace of their own.

Keras' optimizers know one learning rate for all variables. Here a value v that
shall learn m times faster is kept as the variable u = v / m, and the gradient
of v is handed to u as it is. The optimizer's step d, whatever it makes of the
gradient, then moves v by m d.
"""

import numpy as np
import tensorflow as tf


def trained(variable, multiplier: float, gradient_scale=1.0) -> tf.Tensor:
    """The value of a variable that `kept` filled.

    Args:
        variable: float32, any shape.
        multiplier: how many times faster than its variable the value moves.
        gradient_scale: what the value's gradient is multiplied by; broadcasts.
    """

    @tf.custom_gradient
    def value(kept):
        return kept * multiplier, lambda upstream: upstream * gradient_scale

    return value(tf.convert_to_tensor(variable))


def kept(values, multiplier: float, *others: float) -> np.ndarray:
    """What a variable must hold for `trained` to give what was stored: float32.

    Args:
        values: what was stored, the trained values times the `others`, each
            product rounded to float32.
        multiplier: as in `trained`.
        others: further factors, in the order in which they are multiplied.

    Returns:
        Exactly such numbers, where there are any, else the nearest ones.
    """
    values = np.asarray(values, np.float32)
    factors = np.array([multiplier, *others], np.float32)
    start = np.asarray(values / np.prod(factors, dtype=np.float64), np.float32)
    found = start
    for direction in (-np.inf, np.inf):
        neighbour = start
        for _ in range(4 * len(factors)):  # units in the last place that rounding can explain
            neighbour = np.nextafter(neighbour, np.float32(direction))
            better = (_product(found, factors) != values) & (_product(neighbour, factors) == values)
            found = np.where(better, neighbour, found)
    return found


def _product(values: np.ndarray, factors: np.ndarray) -> np.ndarray:
    for factor in factors:
        values = values * factor
    return values
