"""A loss that pulls weights to their levels, away from the borders where codes flip.

Oscillation dampening of Nagel et al. 2022 (arXiv 2203.11086): to the loss is added

    strength / 2 sum ||clip(w) - q(w)||^2

over the quantized weights w, whose quantized values q(w) count as constant. Early
in training the pull would hinder weights from reaching another level, so that the
strength grows from 0 over the epochs, as half a wave of a cosine.
"""

from collections.abc import Callable

import tensorflow as tf

from tfqd.callbacks.annealing import cosine, epochs_of
from tfqd.callbacks.callback import Callback
from tfqd.spec.checks import checked_positive
from tfqd.wrapping.fitting import student_or_self, trace_again
from tfqd.wrapping.quantized import QuantizedVariable, find_quantized


class DampenOscillations(Callback):
    """Pulls the weights of a quantized model to their levels, ever more strongly.

    For models of `tfqd.quantize_model` and for a `tfqd.Distiller`. The loss in
    the logs of training holds the pull, that of validation does not. A run that
    is resumed with ``initial_epoch`` goes on as the whole run would.

    Args:
        strength: factor of the pull in the last epoch. A step of gradient descent
            then moves a weight by the learning rate times the strength of its way
            to the level.

    Raises:
        ValueError: when `strength` is no positive number; in `fit`, when nothing
            is quantized, or `QuantizeWeights` does it.

    Example:

    >>> import tensorflow as tf
    >>> quantized.compile("sgd", "mse")
    >>> dampen = tfqd.callbacks.DampenOscillations(0.1)
    >>> data = tf.ones((32, 8)), tf.ones((32, 4))
    >>> _ = quantized.fit(*data, epochs=3, callbacks=[dampen], verbose=0)
    """

    _strength: tf.Variable  # from the beginning of training on

    def __init__(self, strength: float):
        super().__init__()
        self._final = checked_positive("strength", strength)
        self._of_epoch = 0.0
        self._undo: list[Callable[[], None]] = []

    def on_train_begin(self, logs=None):
        self._take_away()  # What an interrupted fit has left.
        entries = find_quantized(student_or_self(self.model))
        if not entries:
            raise ValueError(
                f"model {self.model.name!r} has no quantized variables to dampen; give it to "
                "tfqd.quantize_model"
            )
        with self.model.distribute_strategy.scope():
            self._strength = tf.Variable(0.0, trainable=False)
        self._undo = [entry.add_penalty("pull", self._penalty(entry)) for entry in entries]
        trace_again(self.model)

    def on_epoch_begin(self, epoch, logs=None):
        self._of_epoch = cosine(0.0, self._final, epoch, epochs_of(self))
        self._strength.assign(self._of_epoch)

    def on_test_begin(self, logs=None):
        if self._undo:
            self._strength.assign(0.0)

    def on_test_end(self, logs=None):
        if self._undo:
            self._strength.assign(self._of_epoch)

    def on_train_end(self, logs=None):
        self._take_away()
        trace_again(self.model)

    def _penalty(self, entry: QuantizedVariable) -> Callable[[], tf.Tensor]:
        return lambda: self._strength * entry.distance()

    def _take_away(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
