"""The whole network of which a pruned model is a part.

Kim, Chang and Kwak 2021 (PQK, arXiv 2106.14681) train both from one set of weights. Only
the abstract and descriptions of the figure could be read, so this is in PQK's manner; what
it leaves open is chosen here as the authors do in DCIL (arXiv 2109.04660), or freely.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfqd.wrapping.quantized import QuantizedVariable, find_quantized

# Share of the zeros that random numbers, and layers that begin with some zeros, may have made.
_CHANCE = 0.01


class Unpruned:
    """Mixin: a model that runs `network` with a pruned student's weights where it has some.

    network: a float copy of the student. Of its weights those count that the student has
        at zero, and all that the student does not quantize.
    """

    network: Any
    name: str  # The model's, as the losses.
    losses: list

    def _share(self, pairs: Sequence[tuple[Any, QuantizedVariable]]) -> None:
        """Ties the network's variables to the student's.

        Args:
            pairs: variables of `network`, each with the student's that it continues.
        """
        self._shared = _Shared(pairs)
        for variable, entry in pairs:
            entry.holds_zeros, entry.own = True, variable
            if entry.whole is not None:
                kept = entry.value()
                whole = tf.where(kept == 0, tf.cast(entry.whole, tf.float32), kept)
                variable.assign(tf.cast(whole, variable.dtype))

    def _values(self) -> list[tuple[Any, tf.Tensor]]:
        """The network's variables, and the float32 values that it computes with.

        Weights that the student keeps are the student's and get no gradient from here.
        """
        return [(variable, _joined(variable, entry)) for variable, entry in self._shared.pairs]

    def is_whole_of(self, student) -> bool:
        """Whether it is this model whose weights are the network's too."""
        theirs = {id(entry) for entry in find_quantized(student)}
        return theirs == {id(entry) for _, entry in self._shared.pairs}

    @property
    def input(self) -> Any:
        """The network's."""
        return self.network.input

    @property
    def output_shape(self) -> Any:
        """The network's."""
        return self.network.output_shape


class _Shared:
    """Pairs of variables that Keras is not to list as the model's."""

    def __init__(self, pairs: Sequence[tuple[Any, QuantizedVariable]]):
        self.pairs = list(pairs)


def _joined(variable, entry: QuantizedVariable) -> tf.Tensor:
    """A weight where it is the student's, the network's own where the student has a zero."""
    kept = tf.stop_gradient(entry.value())
    return tf.where(kept == 0, tf.cast(tf.convert_to_tensor(variable), tf.float32), kept)


def knows_whole(entries: Sequence[QuantizedVariable]) -> bool:
    """Whether hardly any of the weights that are zero were so when their pruning began."""
    known = [entry for entry in entries if entry.whole is not None]
    zeros = [entry.value() == 0 for entry in known]
    lost = [zero & entry.lost for entry, zero in zip(known, zeros, strict=True)]
    return bool(known) and _count(lost) <= _CHANCE * _count(zeros)


def _count(masks: Sequence[tf.Tensor]) -> int:
    return sum(int(tf.math.count_nonzero(mask)) for mask in masks)
