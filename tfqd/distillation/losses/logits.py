"""The classic soft loss, on the models' outputs."""

import copy
import functools
from collections.abc import Collection
from typing import Any

import keras
import tensorflow as tf

from tfqd.distillation.losses.output_loss import OutputLoss
from tfqd.distillation.losses.outputs import by_place, option_by_place
from tfqd.distillation.losses.probabilities import log_probabilities
from tfqd.distillation.losses.temperature import default_temperature
from tfqd.spec.checks import checked_bool, checked_optional_positive

_KINDS = {
    "kld": "kl_divergence",
    "kldivergence": "kl_divergence",
    "categoricalcrossentropy": "categorical_crossentropy",
}


@keras.saving.register_keras_serializable(package="tfqd")
class LogitsDistillation(OutputLoss):
    """The soft loss of Hinton et al., T^2 KL(softmax(t / T) || softmax(s / T)).

    Summed over the classes and averaged over the batch (arXiv 1503.02531). T^2
    keeps its gradient on the scale of the hard loss whatever the temperature.
    Outputs with positions, of time steps or pixels, are averaged over each
    sample's positions first; `SequenceDistillation` averages over all tokens.

    A single unit counts as the first of two classes.

    Args:
        temperature: T, above 0; None for `default_temperature`, by the bits of
            the student that `tfqd.Distiller` is given.
        loss: ``"kl_divergence"``; ``"categorical_crossentropy"``, of the same
            probabilities, also times T^2, with the same gradient; or another loss of
            Keras, which is given t / T and s / T, as by
            ``keras.distillation.LogitsDistillation``: each by its name or as an object. The
            first two are computed here, and can have no options of their own; the reduction
            of none counts. For several outputs a structure of them, with None for an output
            that is not compared.
        from_logits: whether both models give logits; False for probabilities.
        output: of several outputs the one to compare: its key in a dict, its index in a
            list; None for the sum over all of them.
        name: what the loss is logged as.

    Raises:
        ValueError: for a temperature that is not a positive finite number, an
            unknown loss or none at all, a loss with options that cannot have any, or an
            output that is no key or index.

    Example:

    >>> teacher_logits = tf.math.log([[0.5, 0.5], [0.1, 0.9]])
    >>> student_logits = tf.math.log([[0.2, 0.8], [0.1, 0.9]])
    >>> loss = LogitsDistillation(temperature=1.0).compute_loss(teacher_logits, student_logits)
    >>> round(float(loss), 4)  # half of 0.5 log(0.5 / 0.2) + 0.5 log(0.5 / 0.8)
    0.1116
    """

    def __init__(
        self,
        temperature: float | None = None,
        loss: Any = "kl_divergence",
        *,
        from_logits: bool = True,
        output: str | int | None = None,
        name: str = "logits_distillation",
    ):
        super().__init__(output, name)
        self.temperature = checked_optional_positive("temperature", temperature)
        self.from_logits = checked_bool("from_logits", from_logits)
        for each in by_place(loss).values():
            _check_loss(each, self.from_logits)
        if all(each is None for each in by_place(loss).values()):
            raise ValueError(f"loss must compare an output at least; got {loss!r}")
        self.loss = loss

    def for_bits(self, bits: int | None) -> "LogitsDistillation":
        """This loss for a student of so many bits.

        Args:
            bits: as in `default_temperature`.

        Returns:
            The loss itself if its temperature is set, else a copy with one.
        """
        if self.temperature is not None:
            return self
        other = copy.copy(self)
        other.temperature = default_temperature(bits)
        return other

    def places(self, outputs: Collection[str]) -> dict[str, str]:
        """Where it compares: not where `loss` is None."""
        losses = by_place(self.loss)
        return {
            place: inner
            for place, inner in super().places(outputs).items()
            if losses.get(place, losses.get("")) is not None
        }

    def _comparisons(self, places) -> dict[str, Any]:
        losses = option_by_place("loss", self.loss, self.output, places)
        return {
            place: functools.partial(self._compare, loss)
            for place, loss in losses.items()
            if loss is not None
        }

    def _compare(self, loss, teacher: tf.Tensor, student: tf.Tensor) -> tf.Tensor:
        """The loss of every position: float32 [batch, positions...]."""
        temperature = self.temperature or default_temperature(None)
        kind = kind_of(loss)
        if kind is None:
            function = keras.losses.get(loss)
            values = getattr(function, "call", function)(
                self._softened(teacher, temperature), self._softened(student, temperature)
            )
            return tf.cast(values, tf.float32)
        teacher = log_probabilities(teacher, self.from_logits, temperature)
        student = log_probabilities(student, self.from_logits, temperature)
        # No NaN where both rule a class out with a logit of minus infinity.
        against = teacher - student if kind == "kl_divergence" else -student
        terms = tf.math.multiply_no_nan(against, tf.exp(teacher))
        return temperature**2 * tf.reduce_sum(terms, axis=-1)

    def _softened(self, outputs: tf.Tensor, temperature: float) -> tf.Tensor:
        """z / T of logits z; of probabilities, those at the temperature T."""
        if self.from_logits:
            return tf.cast(outputs, tf.float32) / temperature
        return tf.exp(log_probabilities(outputs, False, temperature))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "loss": keras.saving.serialize_keras_object(self.loss),
            "from_logits": self.from_logits,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LogitsDistillation":
        config = dict(config)
        if "loss" in config:
            config["loss"] = keras.saving.deserialize_keras_object(config["loss"])
        return cls(**config)


def _check_loss(loss, from_logits: bool) -> None:
    if isinstance(loss, str):
        keras.losses.get(loss)
    elif loss is not None and not callable(loss):
        raise ValueError(f"loss must be the name of a loss of Keras or one itself; got {loss!r}")
    elif kind_of(loss) is not None and (options := _options(loss, from_logits)):
        raise ValueError(
            f"{type(loss).__name__} of outputs at a temperature is computed by LogitsDistillation, "
            f"which says from_logits itself, and has no options; got {', '.join(options)}"
        )


def _options(loss, from_logits: bool) -> list[str]:
    """What an object of a Keras loss computes otherwise than by default, as "name=value".

    Args:
        from_logits: whether it may say so too.
    """
    if isinstance(loss, type) or not hasattr(loss, "get_config"):
        return []
    given, default = loss.get_config(), type(loss)().get_config()
    without = {"name", "reduction", *(["from_logits"] if from_logits else [])}
    return [
        f"{name}={given[name]!r}" for name in given.keys() - without if given[name] != default[name]
    ]


def kind_of(loss) -> str | None:
    """``"kl_divergence"`` or ``"categorical_crossentropy"``, however it is said; else None.

    What is only called like them, and no function or class of Keras, is neither.
    """
    package = "keras" if isinstance(loss, str) else str(getattr(loss, "__module__", ""))
    known = package.partition(".")[0] in ("keras", "tf_keras")
    return _KINDS.get(plain_name(loss)) if known else None


def name_of(loss) -> str:
    """What a loss is called: its name, or that of its function or class."""
    return loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)


def plain_name(loss) -> str:
    """The same however it is written: ``"klDivergence"`` and ``"kl_divergence"`` are one."""
    return name_of(loss).replace("_", "").lower()
