"""The ranges of activations, started from examples."""

from typing import Any

import keras

from tfqd.batches import input_batches
from tfqd.wrapping import calibration


def calibrate(
    model: keras.Model, data: Any, *, batch_size: int = 32, steps: int | None = None
) -> None:
    """Gives the activations of a quantized model the ranges that they start with.

    The model is run on the data with quantized weights and float activations, in inference;
    each range is put where its spec's ``start`` wants it. A model that was quantized with
    ``activations=tfqd.Activations(...)`` needs it once, before it is trained or used. It may
    be called again, and then starts the ranges anew.

    Args:
        model: from `tfqd.quantize_model`, or one that holds it, such as a `tfqd.Distiller`.
        data: some hundred inputs such as the model will see: arrays, a
            ``tf.data.Dataset`` or another iterable of batches, as `fit` takes them; of
            tuples the inputs are taken.
        batch_size: of arrays; other data has its batches.
        steps: number of batches to stop after; None for all. Of arrays that have more
            examples, as many are taken from all over them, as they may be sorted.

    Raises:
        TypeError: when `data` is nothing of this.
        ValueError: when the model rounds no activations, the data has no example or no
            end, or activations are NaN or infinite.

    Example:

    >>> import numpy as np
    >>> integer = tfqd.quantize_model(
    ...     model, tfqd.presets.deployable(8), activations=tfqd.Activations())
    >>> tfqd.calibrate(integer, np.random.default_rng(0).normal(size=(64, 8)))
    """
    calibration.calibrate(model, input_batches(data, batch_size, steps))
