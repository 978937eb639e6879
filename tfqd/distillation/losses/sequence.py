"""The soft loss of sequences, token by token."""

from typing import Any

import keras
import tensorflow as tf

from tfqd.distillation.losses.averaging import position_mean
from tfqd.distillation.losses.logits import LogitsDistillation
from tfqd.distillation.losses.outputs import describe


@keras.saving.register_keras_serializable(package="tfqd")
class SequenceDistillation(LogitsDistillation):
    """Word-level distillation (Kim and Rush 2016, arXiv 1606.07947).

    `LogitsDistillation` at every position, averaged over all unmasked tokens of
    the batch: so does a compiled Keras loss with a mask, and so the soft and the
    hard loss keep their ratio whatever the lengths. (The paper's reference code
    sums over the tokens and divides by the batch size.)

    Padding is what the mask says, which Keras passes on from ``mask_zero`` or
    ``Masking``. A sample weight of 0 silences a token too, but leaves it in the
    count.

    For sequence-level distillation, train on what `generate_targets` returns.

    Args:
        temperature, from_logits, output: as in `LogitsDistillation`.
        name: what the loss is logged as.

    Raises:
        ValueError: as `LogitsDistillation`.

    Example:

    >>> import tensorflow as tf
    >>> tokens = tf.random.stateless_normal((2, 5, 7), (1, 2))  # [batch, time, vocabulary]
    >>> float(SequenceDistillation().compute_loss(tokens, tokens)) < 1e-6
    True
    """

    def __init__(
        self,
        temperature: float | None = None,
        *,
        from_logits: bool = True,
        output: str | int | None = None,
        name: str = "sequence_distillation",
    ):
        super().__init__(temperature, from_logits=from_logits, output=output, name=name)

    _average = staticmethod(position_mean)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["loss"]
        return config

    def _check_shapes(self, place: str, teacher: tf.Tensor, student: tf.Tensor) -> None:
        super()._check_shapes(place, teacher, student)
        if student.shape.rank < 3:
            raise ValueError(
                "SequenceDistillation compares outputs [batch, time, classes]; "
                f"got {describe(student)}"
            )
