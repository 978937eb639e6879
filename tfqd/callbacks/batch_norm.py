"""BatchNormalization statistics measured anew, with the quantized weights.

The moving statistics of a BatchNormalization layer are averages over the last
few hundred steps, over which the weights, and with low bits many codes, moved.
What the layer receives from the final quantized weights has another mean and
variance. They are measured here over given batches, all other layers being in
inference mode: for every channel

    mean = (1/N) sum_b n_b mean_b,    variance = (1/N) sum_b n_b variance_b

with n_b values in batch b and N in all, each layer normalizing the batch by
mean_b and variance_b as in training. The variance is the average *within* a
batch, the one that training normalizes by.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfqd.batches import input_batches
from tfqd.callbacks.callback import Callback
from tfqd.spec.checks import checked_count, checked_optional_count
from tfqd.wrapping.batch_statistics import batch_norm_layers, gathering, inference
from tfqd.wrapping.fitting import hold_at_the_end
from tfqd.wrapping.shadow import quantized_values_in


def reestimate_batch_norm(
    model: keras.Model, data: Any, *, batch_size: int = 128, steps: int | None = None
) -> None:
    """Sets the moving statistics of the model's BatchNormalization layers.

    Nothing else of the model changes. Layers that are frozen, or that no batch
    comes through (such as a Distiller's teacher's), keep theirs. The result
    depends on the batches alone; training data in random order makes batches
    like those of training, sorted data does not.

    Args:
        model: a built Keras 3 or tf_keras model, quantized or not, or a
            `tfqd.Distiller`.
        data: a ``tf.data.Dataset``, PyDataset or other iterable of batches, or
            arrays. A tuple is taken for inputs, targets and sample weights,
            several inputs are a list or dict.
        batch_size: of arrays.
        steps: number of batches to use; None for all. Of arrays that have more
            examples, as many are taken from all over them, as they may be sorted.

    Raises:
        TypeError: when `data` is nothing of this.
        ValueError: when the model has no such layer, or one with a `call` of
            its own, or `data` gives no batch, or no end while `steps` is None.

    Example:

    >>> norm = keras.layers.BatchNormalization()
    >>> model = keras.Sequential([keras.Input((1,)), norm])
    >>> tfqd.callbacks.reestimate_batch_norm(model, tf.constant([[1.0], [3.0]]))
    >>> norm.moving_mean.numpy(), norm.moving_variance.numpy()
    (array([2.], dtype=float32), array([1.], dtype=float32))
    """
    batches = input_batches(data, batch_size, steps)
    layers = batch_norm_layers(model)
    if not layers:
        raise ValueError(
            f"model {model.name!r} has no BatchNormalization layer that is built and not frozen"
        )
    run = functools.partial(inference, model)
    compiled = run if model.run_eagerly else _compiled(run)
    with quantized_values_in(model), gathering(layers) as statistics:
        for inputs in batches:
            compiled(tf.nest.map_structure(tf.convert_to_tensor, inputs))
    seen = [each for each in statistics if each.seen]
    if not seen:
        raise ValueError(
            "data gave no batch that comes through a BatchNormalization layer; note that an "
            "iterator gives its batches only once"
        )
    for each in seen:
        each.assign()


def _compiled(run: Callable[[Any], Any]) -> Callable[[Any], None]:
    """`run` as a graph, traced once for each signature of its tensors.

    A `tf.function` would warn, since one is made at every call of the above.
    """
    graphs = {}

    def call(inputs) -> None:
        signature = tf.nest.map_structure(tf.TensorSpec.from_tensor, inputs)
        key = tuple(tf.nest.flatten(signature))
        if key not in graphs:
            graphs[key] = tf.function(run).get_concrete_function(signature)
        graphs[key](inputs)

    return call


class BatchNormReestimation(Callback):
    """Measures BatchNormalization statistics anew with the quantized weights.

    At the end of training, and every few epochs before validation, so that
    ``val_`` metrics are those of the model as it would be handed over. Training
    itself never reads these statistics. To be seen by other callbacks of an
    epoch without validation it must come before them in the list; weights that they put
    back in the end, as `EarlyStopping` may, are measured then.

    Args:
        data: what to measure over, best some batches of the training data; see
            `reestimate_batch_norm`. Iterated anew every time.
        every: epochs from one time to the next; None only measures at the end.
        batch_size: of arrays.
        steps: number of batches to use; None for all. Of arrays that have more
            examples, as many are taken from all over them, as they may be sorted.

    Raises:
        ValueError: when `every`, `batch_size` or `steps` is no positive integer.

    Example:

    >>> data = tf.data.Dataset.from_tensor_slices(tf.zeros((512, 8))).batch(128)
    >>> callback = tfqd.callbacks.BatchNormReestimation(data, steps=100, every=1)
    """

    def __init__(
        self,
        data: Any,
        *,
        every: int | None = None,
        batch_size: int = 128,
        steps: int | None = None,
    ):
        super().__init__()
        self._data = data
        self._steps = checked_optional_count("steps", steps)
        self._every = checked_optional_count("every", every)
        self._batch_size = checked_count("batch_size", batch_size)
        self._due = False

    def on_epoch_begin(self, epoch, logs=None):
        self._due = self._every is not None and (epoch + 1) % self._every == 0

    def on_test_begin(self, logs=None):
        self._measure_if_due()

    def on_epoch_end(self, epoch, logs=None):
        self._measure_if_due()

    def on_train_end(self, logs=None):
        hold_at_the_end(self.model, self._measure)

    def _measure_if_due(self) -> None:
        if self._due:
            self._due = False
            self._measure()

    def _measure(self) -> None:
        reestimate_batch_norm(
            self.model, self._data, batch_size=self._batch_size, steps=self._steps
        )
