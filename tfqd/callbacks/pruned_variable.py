"""A variable while it is pruned: which weights are kept, and what the others were."""

import numpy as np
import tensorflow as tf

from tfqd import ops
from tfqd.wrapping.quantized import QuantizedVariable


class PrunedVariable:
    """A variable some of whose weights are at zero.

    Args:
        entry: the variable.
        revives: whether weights learn on out of sight, and may come back.
    """

    def __init__(self, entry: QuantizedVariable, revives: bool):
        self.entry = entry
        self._revives = revives
        weights = self._weights()
        pruned = _pruned(weights)
        self._kept = tf.cast(~pruned, weights.dtype)
        if entry.whole is None:
            entry.lost = pruned
        # What the weights were when they were last kept or, out of sight, have become since.
        whole = weights if entry.whole is None else tf.where(pruned, entry.whole, weights)
        self._whole = entry.whole = tf.Variable(whole, trainable=False)
        self._shown = tf.Variable(weights, trainable=False) if revives else None

    def choose(self, sparsity: float, structure: str) -> None:
        """Chooses anew which weights are to be kept."""
        self._learn()
        known = self._whole if self._revives else self._whole * self._kept
        axes = self.entry.quantizer.channel_axes
        kept = ops.kept_weights(np.asarray(known, np.float32), sparsity, structure, axes)
        kept = tf.cast(kept, self._kept.dtype)
        if not self._revives:
            kept *= self._kept
        self._hand_over((self._kept != 0) & (kept == 0), self._whole)
        self.entry.lost &= kept == 0
        self._kept = kept

    def put_to_zero(self) -> None:
        """Puts the others to zero, where the last step has left them elsewhere."""
        if self._shown is None:
            self.entry.variable.assign(self._weights() * self._kept)
            return
        self._learn()
        shown = self._whole * self._kept
        self._shown.assign(shown)
        self.entry.variable.assign(shown)

    def prune_what_was_put_in(self) -> int:
        """Puts chosen weights of new values to zero, unless as many are at zero already.

        Returns:
            How many more than the kept ones were not 0.
        """
        weights = self._weights()
        more = int(np.count_nonzero(weights) - np.count_nonzero(self._kept))
        if more <= 0:
            return 0
        self._whole.assign(tf.where(self._kept != 0, weights, self._whole))
        self._hand_over((self._kept == 0) & (weights != 0), weights)
        shown = weights * self._kept
        if self._shown is not None:
            self._shown.assign(shown)
        self.entry.variable.assign(shown)
        return more

    @property
    def zeros(self) -> int:
        """How many weights are at zero."""
        return int(np.count_nonzero(np.asarray(self._kept) == 0))

    def _hand_over(self, pruned: tf.Tensor, weights) -> None:
        """Has the whole network go on with weights that are pruned now: bool, their shape."""
        if (own := self.entry.own) is not None:
            weights = tf.cast(tf.convert_to_tensor(weights), own.dtype)
            own.assign(tf.where(pruned, weights, tf.convert_to_tensor(own)))

    def _learn(self) -> None:
        """Gives what the optimizer did to the weights shown to those that are known."""
        weights = self._weights()
        if self._shown is None:
            self._whole.assign(tf.where(self._kept != 0, weights, self._whole))
        else:
            self._whole.assign_add(weights - self._shown)
            self._shown.assign(weights)

    def _weights(self) -> tf.Tensor:
        return tf.convert_to_tensor(self.entry.variable)


def _pruned(weights: tf.Tensor) -> tf.Tensor:
    """Which weights have been pruned before: bool, their shape.

    Pruning leaves one weight of a tensor in any case, so that one that is wholly zero, as
    biases begin, has not been pruned.
    """
    zero = weights == 0
    return zero & ~tf.reduce_all(zero)
