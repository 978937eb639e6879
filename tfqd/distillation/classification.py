"""Whether what a student learns are the logits of classes, or numbers."""

import tensorflow as tf

from tfqd.distillation.losses import LogitsDistillation

_REGRESSION = {
    "huber",
    "logcosh",
    "mae",
    "mape",
    "meanabsoluteerror",
    "meanabsolutepercentageerror",
    "meansquarederror",
    "meansquaredlogarithmicerror",
    "mse",
    "msle",
}
_REMEDY = (
    "construct the Distiller with distillation_losses=tfqd.distillation.RegressionDistillation(), "
    "which compares the outputs as they are"
)
# Each unit is a label of its own.
_LABELS = {"bce", "binarycrossentropy", "binaryfocalcrossentropy"}


def check_classification(student, loss, distillation_losses) -> None:
    """Raises ValueError when outputs would be taught as the logits of classes that are none.

    One unit that is trained by a loss of regression is no logit; through a sigmoid the
    teacher's large values would all say the same. Several units that are trained as so many
    labels are no classes of which one is right; their softmax says another thing.

    Args:
        student: the model that is trained.
        loss: what ``compile`` is given for the labels.
        distillation_losses: the Distiller's.
    """
    judging = [each for each in distillation_losses if isinstance(each, LogitsDistillation)]
    shape = getattr(student, "output_shape", None)
    if not judging or loss is None or shape is None:
        return
    outputs, losses = list(shapes_by_name(shape).values()), tf.nest.flatten(loss)
    if len(losses) == 1:
        losses *= len(outputs)
    if len(losses) != len(outputs):
        return  # Keras will say what is wrong
    for output, each in zip(outputs, losses, strict=True):
        name = each if isinstance(each, str) else getattr(each, "__name__", type(each).__name__)
        known, units = name.replace("_", "").lower(), output[-1] if output else None
        judge = type(judging[0]).__name__
        if units == 1 and known in _REGRESSION:
            raise ValueError(
                f"the student learns an output of one unit by {name}, a regression, and {judge} "
                f"would take it for the logit of a class; {_REMEDY}"
            )
        if units not in (None, 1) and known in _LABELS:
            raise ValueError(
                f"the student learns an output of {units} units by {name}, each a label of its "
                f"own, and {judge} would take them for classes of which one is right; {_REMEDY}"
            )


def shapes_by_name(shape) -> dict[str, tuple]:
    """The shapes of a model's outputs by their place in its structure."""
    if isinstance(shape, dict):
        return {
            f"{key}/{inner}": leaf
            for key, value in shape.items()
            for inner, leaf in shapes_by_name(value).items()
        }
    if isinstance(shape, list) or (shape and isinstance(shape[0], tuple | list | dict)):
        return shapes_by_name(dict(enumerate(shape)))
    return {"": tuple(shape)}
