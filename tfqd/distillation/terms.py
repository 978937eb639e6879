"""A distillation loss in a Distiller, and what it is given of a batch."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfqd.distillation.masks import mask_of_both
from tfqd.spec.unique_names import unique_names

Weight = float | Callable[[tf.Tensor], tf.Tensor]


class Term(NamedTuple):
    """One distillation loss in a Distiller.

    loss: what computes it.
    weight: its weight, or a schedule of the optimizer's steps.
    state: its trained variables by role.
    tracker: the metric that it is logged by.
    options: those of sample_weight, mask and state that the loss takes.
    """

    loss: Any
    weight: Weight
    state: dict[str, Any]
    tracker: Any
    options: frozenset[str]

    def compute(self, taught: "Answers", learnt: "Answers", sample_weight) -> tf.Tensor:
        """The loss of a batch, a float32 scalar.

        Raises:
            ValueError: when outputs do not fit together, or the loss gives no scalar.
        """
        loss = self.loss
        teacher, teacher_mask = taught.of(teacher_layer(loss))
        student, mask = learnt.of(student_layer(loss))
        if student_layer(loss) is not None:
            mask = mask_of_both(loss, (teacher, teacher_mask), (student, mask))
        offered = {"sample_weight": sample_weight, "mask": mask, "state": self.state}
        if hasattr(loss, "validate_outputs"):
            loss.validate_outputs(teacher, student)
        value = tf.convert_to_tensor(
            loss.compute_loss(teacher, student, **{name: offered[name] for name in self.options})
        )
        if value.shape.rank != 0:
            raise ValueError(
                f"distillation loss {type(loss).__name__} must give a scalar; it gave shape "
                f"{tuple(value.shape)}"
            )
        return tf.cast(value, tf.float32)


class Answers(NamedTuple):
    """What a model gives for a batch: outputs, features of layers by name, the masks of both."""

    outputs: Any
    features: dict[str, Any]
    output_masks: Any
    feature_masks: dict[str, Any]

    @classmethod
    def read(cls, outputs, features: dict[str, Any], mask_of: Callable[[Any], Any]) -> "Answers":
        """With the masks that Keras has put on the tensors."""
        return cls(outputs, features, mask_of(outputs), mask_of(features))

    def without_gradient(self) -> "Answers":
        """The same as constants."""
        outputs, features = tf.nest.map_structure(tf.stop_gradient, (self.outputs, self.features))
        return self._replace(outputs=outputs, features=features)

    def of(self, layer: str | None) -> tuple[Any, Any]:
        """What a layer gives, or the model for None, and its mask."""
        if layer is None:
            return self.outputs, self.output_masks
        return self.features[layer], self.feature_masks[layer]


def student_layer(loss) -> str | None:
    """The student's layer that a loss reads; None for the model's outputs."""
    return getattr(loss, "student_layer_name", None)


def teacher_layer(loss) -> str | None:
    """The teacher's layer that a loss reads; None for the model's outputs."""
    return getattr(loss, "teacher_layer_name", None)


def options_of(loss) -> frozenset[str]:
    """Those of sample_weight, mask and state that a loss takes."""
    parameters = inspect.signature(loss.compute_loss).parameters
    return frozenset(name for name in ("sample_weight", "mask", "state") if name in parameters)


def unique_names_of(losses: list) -> list[str]:
    """What each of several losses is logged as."""
    return unique_names((getattr(loss, "name", _default_name(loss)) for loss in losses), "_")


def _default_name(loss) -> str:
    name = type(loss).__name__
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
