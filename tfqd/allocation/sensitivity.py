"""How much the loss changes with each weight, from gradients over some batches."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfqd.batches import labelled_batches
from tfqd.wrapping.gradients import float_values, gradient_function, loss_function
from tfqd.wrapping.quantized import QuantizedVariable, find_quantized
from tfqd.wrapping.state import from_rest

Gradients = list[tf.Tensor]


def mean_gradients(
    model, entries: Sequence[QuantizedVariable], batches: Iterable[Any], loss
) -> Gradients:
    """The mean over the batches of the loss's gradients at the float weights.

    Args:
        model: a quantized model, run in inference with its float weights.
        entries: quantized variables of its.
        batches: as `tfqd.batches.labelled_batches` gives them.
        loss: from `tfqd.wrapping.gradients.loss_function`.

    Raises:
        ValueError: when there is no batch or a gradient is NaN or infinite.
    """
    return _averaged(model, entries, batches, loss, tf.identity)


def mean_squared_gradients(
    model, entries: Sequence[QuantizedVariable], batches: Iterable[Any], loss
) -> Gradients:
    """The mean of the squared gradients: the diagonal of the empirical Fisher information.

    Half of it times the squared error of a weight is the rise of the loss that
    the error causes, to second order. Gradients are of batches, not of single
    examples: smaller batches say more. The arguments and errors are those of
    `mean_gradients`.
    """
    return _averaged(model, entries, batches, loss, tf.square)


def sensitive_points(
    model: keras.Model, data: Any, *, loss: Any = None, batch_size: int = 32, steps: int | None = 16
) -> None:
    """Puts the points of a quantized model's codebooks where errors cost least.

    By k-means in which the squared error of a weight counts its mean squared
    gradient at the float weights (sensitive k-means, Kim et al. 2024,
    arXiv 2306.07629). To be called before training; points of other methods
    than `tfqd.Codebook` start as they always do.

    Args:
        model: from `tfqd.quantize_model`.
        data: a tuple of inputs, targets and perhaps sample weights; or a
            ``tf.data.Dataset``, PyDataset or other iterable of such tuples.
        loss: a Keras loss or its name; None for the one that the model was
            compiled with.
        batch_size: of arrays; other data has its batches.
        steps: number of batches to use; None for all. Of arrays that have more
            examples, as many are taken from all over them, as they may be sorted.

    Raises:
        TypeError: when `data` is nothing of this.
        ValueError: when the model is not quantized, there is no loss or no
            batch, or a gradient is NaN or infinite.

    Example:

    >>> import tensorflow as tf
    >>> quantized = tfqd.quantize_model(model, tfqd.Codebook(bits=2))
    >>> tfqd.sensitive_points(quantized, (tf.ones((64, 8)), tf.ones((64, 4))), loss="mse")
    """
    entries = find_quantized(model)
    if not entries:
        raise ValueError(f"model {model.name!r} is not quantized; see tfqd.quantize_model")
    batches = labelled_batches(data, batch_size, steps)
    costs = mean_squared_gradients(model, entries, batches, loss_function(model, loss))
    for entry, cost in zip(entries, costs, strict=True):
        entry.initialize(cost)


def _averaged(model, entries, batches, loss, of: Callable[[tf.Tensor], tf.Tensor]) -> Gradients:
    """The mean over the batches of a function of the gradients."""
    sums, count = None, 0
    with from_rest(model), float_values(entries):
        gradients = gradient_function(model, entries, loss)
        for batch in batches:
            found = [of(gradient) for gradient in gradients(*batch)]
            sums = found if sums is None else [a + b for a, b in zip(sums, found, strict=True)]
            count += 1
    if sums is None:
        raise ValueError("data holds no batch")
    for entry, total in zip(entries, sums, strict=True):
        if not bool(tf.reduce_all(tf.math.is_finite(total))):
            raise ValueError(
                f"the loss's gradient to {entry.path} is NaN or infinite on the given data"
            )
    return [total / count for total in sums]
