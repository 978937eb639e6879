"""Whether the outputs that a loss takes for logits, or for probabilities, are what it says.

A softmax gives rows that sum to 1 whatever comes in, so that a few outputs of the teacher
tell. Of one unit no sum tells: what is not between 0 and 1 is a logit, but a logit may be
between them. There the loss on the labels knows, if it is a binary cross-entropy.
"""

import warnings
from typing import Any

import numpy as np

from tfqd.distillation.cached_teacher import CachedTeacher
from tfqd.distillation.classification import LABELS, losses_by_place
from tfqd.distillation.losses import LogitsDistillation, looks_like_probabilities
from tfqd.distillation.losses.logits import name_of, plain_name
from tfqd.distillation.losses.outputs import by_place, shapes_by_place
from tfqd.wrapping.state import from_rest

# So many examples of one unit, all between 0 and 1, are taken for probabilities.
_ENOUGH = 16


def check_probabilities(teacher, losses, inputs) -> frozenset[str]:
    """Warns when the teacher gives probabilities where logits are expected, or the reverse.

    Asked of a CachedTeacher by its first examples, of another on inputs of zeros.

    Args:
        inputs: the teacher's arguments, of zeros; None where they are not known.

    Returns:
        The places of the outputs that are probabilities, as far as is known.
    """
    judging = [loss for loss in losses if isinstance(loss, LogitsDistillation)]
    outputs = by_place(_answers(teacher, inputs)) if judging else {}
    known = {place: _are_probabilities(np.asarray(each)) for place, each in outputs.items()}
    for loss in judging:
        wrong = [place for place in loss.places(known) if known[place] is loss.from_logits]
        if wrong:
            what = "probabilities" if loss.from_logits else "what is no probabilities"
            where = f" as output {wrong[0]}" if wrong[0] else ""
            warnings.warn(
                f"teacher {teacher.name!r} gives {what}{where}, but {type(loss).__name__} takes "
                f"them for {_taken_for(loss)}; say from_logits={not loss.from_logits}",
                stacklevel=3,
            )
    return frozenset(place for place, sure in known.items() if sure)


def check_single_units(student, loss, distillation_losses) -> None:
    """Warns where the student's output of one unit is a logit to one loss and not to another.

    Args:
        student: the model that is trained.
        loss: what ``compile`` is given for the labels.
        distillation_losses: the Distiller's.
    """
    shape = getattr(student, "output_shape", None)
    if loss is None or shape is None:
        return
    outputs = shapes_by_place(shape)
    hard = losses_by_place(student, loss, outputs)
    for soft in distillation_losses:
        for place in soft.places(outputs) if isinstance(soft, LogitsDistillation) else ():
            from_logits = _from_logits(hard.get(place))
            if outputs[place][-1:] == (1,) and from_logits is (not soft.from_logits):
                warnings.warn(
                    f"the student learns an output of one unit by {name_of(hard[place])}"
                    f"(from_logits={from_logits}), and {type(soft).__name__} takes it for "
                    f"{_taken_for(soft)}; say from_logits={from_logits}",
                    stacklevel=2,
                )


def _answers(teacher, inputs) -> Any:
    """Some outputs of a teacher; none where its inputs are not known."""
    if isinstance(teacher, CachedTeacher):
        return teacher.first(_ENOUGH)
    if inputs is None:
        return {}
    with from_rest(teacher):
        return teacher(*inputs, training=False)


def _are_probabilities(outputs: np.ndarray) -> bool | None:
    """Whether outputs are probabilities; None where that cannot be known."""
    if outputs.ndim == 0 or outputs.shape[-1] != 1:
        return looks_like_probabilities(outputs)
    if not np.all((outputs >= 0) & (outputs <= 1)):
        return False
    return True if len(outputs) >= _ENOUGH else None


def _taken_for(loss: LogitsDistillation) -> str:
    return "logits" if loss.from_logits else "probabilities"


def _from_logits(loss) -> bool | None:
    """Whether a loss on labels of one unit takes it for a logit; None where it does not say."""
    if plain_name(loss) not in LABELS:
        return None
    by_name = isinstance(loss, str) or hasattr(loss, "__name__")
    return False if by_name else getattr(loss, "from_logits", None)
