"""Whether teacher, student and losses fit together, before anything is trained."""

import numbers
import warnings
from typing import Any

from tfqd.distillation.cached_teacher import CachedTeacher
from tfqd.distillation.losses import DistillationLoss
from tfqd.distillation.losses.output_loss import OutputLoss
from tfqd.distillation.losses.outputs import shapes_by_place
from tfqd.distillation.terms import Weight, student_layer, teacher_layer
from tfqd.spec.checks import is_number
from tfqd.wrapping.own_steps import own_steps
from tfqd.wrapping.protocols import KerasVersion
from tfqd.wrapping.quantized import is_quantized
from tfqd.wrapping.unpruned import Unpruned


def check_losses(losses, loss_weights, student_loss_weight) -> tuple[list[Any], list[Weight]]:
    """The distillation losses and their weights, each as a list.

    Raises:
        TypeError: when a loss has no `compute_loss`.
        ValueError: for weights that do not fit.
    """
    losses = list(losses) if isinstance(losses, list | tuple) else [losses]
    for loss in losses:
        if not callable(getattr(loss, "compute_loss", None)):
            raise TypeError(
                "a distillation loss must have compute_loss(teacher_outputs, student_outputs); "
                f"got {loss!r}"
            )
    weights: list[Weight]
    if loss_weights is None:
        weights = [1.0] * len(losses)
    else:
        single = isinstance(loss_weights, numbers.Real) or callable(loss_weights)
        weights = [loss_weights] if single else list(loss_weights)
    if not losses or len(weights) != len(losses):
        raise ValueError(
            f"there must be a distillation loss, and one weight for each; got {len(losses)} "
            f"losses and {len(weights)} weights"
        )
    for weight in weights:
        if not callable(weight) and not is_number(weight, 0):
            raise ValueError(
                f"distillation_loss_weights must be numbers from 0 on or schedules; got {weight!r}"
            )
    if not callable(student_loss_weight) and not is_number(student_loss_weight, 0, 1):
        raise ValueError(
            "student_loss_weight must be a number between 0 and 1 or a schedule; got "
            f"{student_loss_weight!r}"
        )
    if student_loss_weight == 0 and not any(callable(w) or w > 0 for w in weights):
        raise ValueError(
            "student_loss_weight and all distillation_loss_weights are 0: nothing is learned"
        )
    return losses, weights


def check_models(teacher, student, losses, version: KerasVersion) -> None:
    """Raises ValueError when the models cannot be trained together.

    Args:
        version: the student's Keras version.
    """
    unbuilt = isinstance(student, version.Model) and not student.built
    if unbuilt and isinstance(teacher, CachedTeacher | None):
        raise ValueError(f"student {student.name!r} is not built; call it on data first")
    models: dict[str, Any] = {"student": student}
    if not isinstance(teacher, CachedTeacher):
        models["teacher"] = teacher
    for role, model in models.items():
        if not isinstance(model, version.Model):
            raise ValueError(f"{role} must be a {version.title} model; got {type(model).__name__}")
    if isinstance(teacher, Unpruned) and not teacher.is_whole_of(student):
        raise ValueError(
            f"teacher {teacher.name!r} is the whole network of another model than student "
            f"{student.name!r}; give Distiller(tfqd.unpruned(student), student)"
        )
    for loss in losses:
        named = getattr(loss, "teacher_layer_name", None) is not None
        if named and isinstance(teacher, CachedTeacher):
            raise ValueError(
                f"{type(loss).__name__} reads the teacher's layer {loss.teacher_layer_name!r}; "
                "a CachedTeacher holds final outputs only"
            )
    check_outputs(teacher, student, losses)


def check_outputs(teacher, student, losses) -> None:
    """Raises ValueError where a loss compares outputs whose shapes are known and do not fit."""
    teacher_shape, student_shape = _output_shape(teacher), _output_shape(student)
    if teacher_shape is None or student_shape is None:
        return
    if {type(teacher_shape), type(student_shape)} == {dict, list}:
        return  # Keras 3 lists the shapes of outputs in a dict, and leaves their names out.
    for loss in losses:
        ours, theirs = _to_fit(loss, student_shape), _to_fit(loss, teacher_shape)
        fitting = ours.keys() == theirs.keys() and all(_fit(ours[k], theirs[k]) for k in ours)
        if not fitting:
            raise ValueError(
                f"teacher and student must have the same output shape for {type(loss).__name__}; "
                f"teacher {teacher.name!r} gives {teacher_shape}, student {student.name!r} gives "
                f"{student_shape}"
            )


def _to_fit(loss, shape) -> dict[str, tuple]:
    """Those of a model's output shapes that a loss needs to be the other model's, by place."""
    shapes = shapes_by_place(shape)
    if isinstance(loss, OutputLoss):
        return {inner: shapes[place] for place, inner in loss.places(shapes).items()}
    # The `build` of tfqd's others says what fits. Of Keras' own losses nothing is known but this.
    by_itself = isinstance(loss, DistillationLoss)
    reads_layer = teacher_layer(loss) is not None or student_layer(loss) is not None
    return {} if by_itself or reads_layer else shapes


def _output_shape(model):
    return getattr(model, "output_shape", None) if getattr(model, "built", True) else None


def check_steps(student) -> None:
    """Warns where the student's class has a training of its own, which a Distiller has too."""
    own = [
        name for name in own_steps(student) if name in ("train_step", "test_step", "compute_loss")
    ]
    if own:
        warnings.warn(
            f"student {student.name!r} is trained by the Distiller's own steps, not by its class's "
            f"{', '.join(own)}; what is to be learned beside labels and teacher belongs into "
            "add_loss or a tfqd.distillation.DistillationLoss",
            stacklevel=3,
        )


def check_roles(teacher, student) -> None:
    """Warns where teacher and student are the same model, share weights, or seem to be swapped."""
    if teacher is student:
        warnings.warn(
            f"teacher and student are the same model, {student.name!r}, which teaches itself "
            "nothing; Distiller(None, student) learns from a float copy of it",
            stacklevel=3,
        )
    elif is_quantized(teacher) and not is_quantized(student):
        warnings.warn(
            f"the teacher, {teacher.name!r}, is quantized and the student, {student.name!r}, is "
            "not: are they swapped? It is Distiller(teacher, student)",
            stacklevel=3,
        )
    taught = {id(variable) for variable in getattr(teacher, "variables", ())}
    shared = [each for each in student.trainable_variables if id(each) in taught]
    if shared and teacher is not student:
        first = getattr(shared[0], "path", shared[0].name)
        warnings.warn(
            f"the teacher, {teacher.name!r}, has {len(shared)} of the student's weights, such as "
            f"{first}, and changes as they are trained; freeze their layers, or give a copy",
            stacklevel=3,
        )


def _fit(one: tuple, other: tuple) -> bool:
    return len(one) == len(other) and all(
        a == b or None in (a, b) for a, b in zip(one, other, strict=True)
    )
