"""Whether what a student learns are the logits of classes, or numbers."""

from collections.abc import Collection, Mapping
from typing import Any

import tensorflow as tf

from tfqd.distillation.losses import LogitsDistillation
from tfqd.distillation.losses.logits import kind_of, name_of, plain_name
from tfqd.distillation.losses.outputs import by_place, shapes_by_place

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
LABELS = {"bce", "binarycrossentropy", "binaryfocalcrossentropy"}


def check_classification(
    student,
    loss,
    distillation_losses,
    is_default: bool = False,
    probabilities: Collection[str] = (),
) -> None:
    """Raises ValueError when outputs would be taught as the logits of classes that are none.

    One unit that is trained by a loss of regression is no logit; through a sigmoid the
    teacher's large values would all say the same. Several units that are trained as so many
    labels are no classes of which one is right; their softmax says another thing. Several
    units that are trained by a loss of regression are as a rule numbers; who takes them for
    classes says so by naming the loss.

    Args:
        student: the model that is trained.
        loss: what ``compile`` is given for the labels.
        distillation_losses: the Distiller's.
        is_default: whether they are what the Distiller takes when none are named.
        probabilities: the places of the outputs that are known to be probabilities.
    """
    shape = getattr(student, "output_shape", None)
    if loss is None or shape is None:
        return
    outputs = shapes_by_place(shape)
    judges = {
        place: type(each).__name__
        for each in reversed(distillation_losses)
        if isinstance(each, LogitsDistillation)
        for place in _taken_for_classes(each, outputs)
    }
    for place, each in losses_by_place(student, loss, outputs).items():
        if place not in judges:
            continue
        name, known = name_of(each), plain_name(each)
        units = outputs[place][-1] if outputs[place] else None
        judge = judges[place]
        if units == 1 and known in _REGRESSION:
            raise ValueError(
                f"the student learns an output of one unit by {name}, a regression, and {judge} "
                f"would take it for the logit of a class; {_REMEDY}"
            )
        if units not in (None, 1) and known in LABELS:
            raise ValueError(
                f"the student learns an output of {units} units by {name}, each a label of its "
                f"own, and {judge} would take them for classes of which one is right; {_REMEDY}"
            )
        numbers = units not in (None, 1) and known in _REGRESSION and place not in probabilities
        if numbers and is_default:
            raise ValueError(
                f"the student learns an output of {units} units by {name}, a regression, and the "
                f"default {judge} would take them for the logits of classes; {_REMEDY}, or, if "
                f"they are classes, name {judge}()"
            )


def _taken_for_classes(loss: LogitsDistillation, places: Collection[str]) -> list[str]:
    """The places of the outputs that a loss compares through their softmax."""
    kinds = by_place(loss.loss)
    named = loss.places(places)
    return [place for place in named if kind_of(kinds.get(place, kinds.get(""))) is not None]


def losses_by_place(student, loss, places: Collection[str]) -> dict[str, Any]:
    """What each output is compiled with; nothing where Keras will say what is wrong."""
    if isinstance(loss, Mapping):
        names = list(getattr(student, "output_names", None) or ())
        # Keras too knows the outputs of a dict by its keys alone.
        keyed = any(place.startswith("['") for place in places)
        named = not keyed and len(names) == len(places)
        by_name = dict(zip(places, names, strict=True)) if named else {}
        return {
            place: loss[key]
            for place in places
            for key in loss
            if place == f"[{key!r}]" or by_name.get(place) == key
        }
    losses = tf.nest.flatten(loss)
    if len(losses) == 1:
        losses *= len(places)
    return dict(zip(places, losses, strict=True)) if len(losses) == len(places) else {}
