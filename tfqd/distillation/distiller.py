"""Training a student, quantized or float, against a teacher."""

import abc
import functools

import keras

from tfqd.distillation.base import BaseDistiller
from tfqd.wrapping import keras3
from tfqd.wrapping.version import KERAS3, find_version


@keras.saving.register_keras_serializable(package="tfqd")
class Distiller(
    BaseDistiller,
    keras3.SavesWhole,
    keras3.KeepsSeeds,
    keras3.TracesOnce,
    keras.Model,
    metaclass=abc.ABCMeta,
):
    """A model whose `fit` trains the student on labels and on the teacher.

    The loss is ``w * hard + (1 - w) * soft + penalties``: the compiled loss on
    the labels, the weighted sum of the distillation losses, and the student's
    regularizers and ``add_loss`` terms. With a student from
    `tfqd.quantize_model` this is quantized distillation (Algorithm 1 of arXiv
    1802.05668); a float student learns as in Hinton et al. 2015. Calling,
    evaluating and predicting use the student as it is, quantized.

    The constructor is that of ``keras.distillation.Distiller``, with an option more, and its
    loss objects work here too. The logs hold the compiled metrics, ``student_loss``,
    ``distillation_loss``, ``total_loss``, which is Keras' name for ``loss``, and, of several
    distillation losses, each by its name: means over examples, of what was computed. Models
    that are not built are when the first batch comes.

    Args:
        teacher: a Keras model, which runs once a step in inference mode, is not trained, and
            stays as it is, but for the states of stateful recurrent layers, which go on from
            batch to batch as the student's do; a `CachedTeacher`, whose outputs come with the data
            (on validation data without them the loss is that on the labels in full, w = 1);
            None for a float copy of the student as it is now; or `tfqd.unpruned` of
            the student, which learns with it: from the labels and the student's
            outputs, by the same losses and weights. Log ``teacher_loss`` is its own; what
            Keras logs of each of several outputs is then the mean of both models'.
        student: the Keras model to train, of the teacher's Keras version; it
            runs once a step. For a tf_keras student the Distiller is a tf_keras
            model.
        distillation_losses: a loss or list of losses; by default
            `LogitsDistillation`, at a temperature that suits the student's bits; a
            student that learns several numbers by a loss of regression must be given one.
        distillation_loss_weights: one number, or schedule of optimizer steps
            such as `WarmUpDecay`, for each loss; 1 by default.
        student_loss_weight: w, from 0 to 1, or a schedule; by default what
            suits the student's bits. 1 trains without the teacher (a control
            run) and does not run it; with 0 no labels are needed.
        log_gradient_cosine: whether to log ``gradient_cosine``, the cosine
            between the gradients of the hard and the soft loss. Below 0 they
            pull against each other. Costs a second and third backward pass.

    Raises:
        TypeError: when a loss is no loss.
        ValueError: when teacher and student are no Keras models of the same version, or one
            that must be built is not; for weights that are no weights, outputs that do not
            fit together, or a feature layer that does not exist.

    Example:

    >>> distiller = tfqd.Distiller(teacher, tfqd.quantize_model(model, tfqd.Uniform(bits=4)))
    >>> distiller.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    """

    _version = KERAS3

    # Of which `help` shows the arguments.
    @functools.wraps(BaseDistiller.__init__, assigned=())  # type: ignore[misc]
    def __new__(cls, teacher=None, student=None, *args, **kwargs):
        """For a tf_keras student its tf_keras twin, otherwise a Distiller."""
        version = find_version(student)
        if version is None or issubclass(cls, version.Model):
            return super().__new__(cls)
        from tfqd.distillation.tf_keras_distiller import TfKerasDistiller

        return TfKerasDistiller(teacher, student, *args, **kwargs)

    @property
    def output_names(self) -> list[str]:
        """The student's: Keras finds losses and metrics by them."""
        return self.student.output_names
