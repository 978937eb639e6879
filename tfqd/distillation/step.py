"""What every training step of a student with a teacher computes.

Written once, for the models of either Keras version: `DistillationStep` is the
logic, a subclass of it and of that version's ``Model`` is the model.
"""

import functools
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfqd.batches import example_count
from tfqd.distillation.cached_teacher import CachedTeacher, split_batch
from tfqd.distillation.classification import check_classification
from tfqd.distillation.gradient_cosine import gradient_cosine
from tfqd.distillation.logits_or_probabilities import check_single_units
from tfqd.distillation.terms import (
    Answers,
    Term,
    Weight,
    options_of,
    student_layer,
    teacher_layer,
    unique_names_of,
)
from tfqd.wrapping.protocols import KerasVersion
from tfqd.wrapping.state import recurrent_states
from tfqd.wrapping.unpruned import Unpruned

if TYPE_CHECKING:

    class _Model:
        """What the mixin has of the model's class, of either Keras version, behind it."""

        loss: Any

        @property
        def metrics_names(self) -> list[str]: ...
        def get_metrics_result(self) -> dict[str, Any]: ...
        def train_step(self, data: Any) -> dict[str, Any]: ...

else:
    _Model = object


class DistillationStep(_Model):
    """Mixin: the loss of a student that learns from labels and from a teacher.

    The subclass names its Keras version in `_version`, calls `_add_trackers` in its
    constructor and `_prepare` once teacher and student are built.
    """

    _version: KerasVersion
    _student_reader = _teacher_reader = None
    _terms: Sequence[Term] = ()
    _has_default_loss = False
    _probabilities: frozenset[str] = frozenset()
    teacher: Any
    student: Any
    distillation_losses: list[Any]
    distillation_loss_weights: list[Weight]
    student_loss_weight: Weight
    log_gradient_cosine: bool

    def _add_trackers(self) -> None:
        """Adds the metrics that are logged."""
        self._thread = threading.local()
        add_tracker = self._version.training.mean_metric
        self.student_tracker = add_tracker("student_loss")
        self.distillation_tracker = add_tracker("distillation_loss")
        self.total_tracker = add_tracker("total_loss")
        losses = self.distillation_losses
        names = unique_names_of(losses) if len(losses) > 1 else []
        self.loss_trackers = [add_tracker(name) for name in names]
        self.teacher_tracker: Any = add_tracker("teacher_loss") if self._teacher_learns else None
        self.cosine_tracker = add_tracker("gradient_cosine") if self.log_gradient_cosine else None

    def _prepare(self) -> None:
        """Readies the losses for built models: what they read of them, and their variables."""
        losses = self.distillation_losses
        self._student_reader = self._reader(self.student, filter(None, map(student_layer, losses)))
        self._teacher_reader = self._reader(self.teacher, filter(None, map(teacher_layer, losses)))
        self._terms = [
            Term(
                loss,
                weight,
                loss.build(*shape, self) if hasattr(loss, "build") and None not in shape else {},
                tracker,
                options_of(loss),
            )
            for loss, weight, shape, tracker in zip(
                losses,
                self.distillation_loss_weights,
                self._shapes(losses),
                self.loss_trackers or [None] * len(losses),
                strict=True,
            )
        ]

    def _reader(self, model, names):
        names = list(names)
        return self._version.building.feature_reader(model, names) if names else None

    def _shapes(self, losses) -> list[tuple]:
        """For each loss the teacher's and the student's shape of what it compares."""
        student = self._student_reader.shapes() if self._student_reader else {}
        teacher = self._teacher_reader.shapes() if self._teacher_reader else {}
        return [
            (
                teacher.get(teacher_layer(loss), getattr(self.teacher, "output_shape", None)),
                student.get(student_layer(loss), getattr(self.student, "output_shape", None)),
            )
            for loss in losses
        ]

    @property
    def _learns_from_teacher(self) -> bool:
        return self.student_loss_weight != 1

    @property
    def _teacher_learns(self) -> bool:
        """Whether it is trained together with the student."""
        return self._learns_from_teacher and isinstance(self.teacher, Unpruned)

    @property
    def _is_training(self) -> bool:
        """Whether the call under way is a training step."""
        return bool(getattr(self._thread, "training", False))

    @property
    def _teacher_trains(self) -> bool:
        """Whether the call under way is a training step of it."""
        return self._teacher_learns and self._is_training

    def call(self, inputs, training=None):
        inputs, _ = split_batch(inputs)
        self._thread.training = training
        if self._student_reader is None:
            return self.student(inputs, training=training)
        outputs, features = self._student_reader(self.student, inputs, training=training)
        self._thread.features = features
        return outputs

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The student's total loss; see the class."""
        keras = self._version.training
        self._thread.examples, self._thread.logged = example_count(x), set()
        hard = self._hard(y, y_pred, sample_weight)
        taught = self._teach(x) if self._learns_from_teacher else None
        soft = self._soft(taught, y_pred, sample_weight)
        weight = 1 if taught is None else self._at_step(self.student_loss_weight)
        self._thread.losses = hard, soft
        terms = [keras.penalties(self)]
        if hard is not None:
            self._log(self.student_tracker, keras.mean_of_replica(hard))
            terms.append(weight * hard)
        if soft is not None:
            self._log(self.distillation_tracker, keras.mean_of_replica(soft))
            terms.append((1 - weight) * soft)
        if taught is not None and self._teacher_trains:
            terms.append(self._loss_of_teacher(weight, y, taught[0], y_pred, sample_weight))
        total = tf.add_n(terms)
        self._log(self.total_tracker, keras.mean_of_replica(total))
        return total

    def _hard(self, y, y_pred, sample_weight) -> tf.Tensor | None:
        """The compiled loss on the labels; None where they are not to be learned."""
        if not self._version.training.has_loss(self):
            if self.student_loss_weight != 0:
                raise ValueError(
                    "compile the Distiller with a loss for the labels, or construct it with "
                    f"student_loss_weight=0; it is {self.student_loss_weight!r}"
                )
            return None
        return self._version.training.supervised_loss(self, y, y_pred, sample_weight)

    def _soft(self, taught, y_pred, sample_weight) -> tf.Tensor | None:
        """The weighted sum of the distillation losses; None where nothing is taught."""
        if taught is None:
            return None
        check_classification(
            self.student,
            self.loss,
            self.distillation_losses,
            self._has_default_loss,
            self._probabilities,
        )
        if getattr(self._thread, "checked", None) is not self.loss:
            self._thread.checked = self.loss
            check_single_units(self.student, self.loss, self.distillation_losses)
        taught = self._answers(*taught).without_gradient()
        learnt = self._answers(y_pred, getattr(self._thread, "features", {}))
        total = tf.zeros(())
        for term in self._terms:
            loss = self._share(term, taught, learnt, sample_weight)
            if term.tracker is not None:
                self._log(term.tracker, self._version.training.mean_of_replica(loss))
            total += self._at_step(term.weight) * loss
        return total

    def _loss_of_teacher(self, weight, y, outputs, y_pred, sample_weight) -> tf.Tensor:
        """What a teacher that learns has to lower: the student's loss, with the roles swapped.

        Of the distillation losses those count that compare the models' outputs.
        """
        shown, answers = self._answers(y_pred).without_gradient(), self._answers(outputs)
        total = tf.zeros(())
        for term in self._terms:
            if student_layer(term.loss) is None:
                loss = self._share(term, shown, answers, sample_weight)
                total += (1 - weight) * self._at_step(term.weight) * loss
        hard = self._hard(y, outputs, sample_weight)
        if hard is not None:
            total += weight * hard
        self._log(self.teacher_tracker, self._version.training.mean_of_replica(total))
        return total

    def _share(self, term: Term, taught: Answers, learnt: Answers, sample_weight) -> tf.Tensor:
        """A distillation loss as this replica's share of the mean over all replicas'."""
        return self._version.training.share_of_replica(term.compute(taught, learnt, sample_weight))

    def _answers(self, outputs, features=None) -> Answers:
        return Answers.read(outputs, features or {}, self._version.training.mask_of)

    def _teach(self, x):
        """The teacher's outputs and features; None for validation data without cached ones."""
        inputs, cached = split_batch(x)
        if isinstance(self.teacher, CachedTeacher):
            if cached is None and self._is_training:
                raise ValueError(
                    "the data to train on must hold the CachedTeacher's outputs; got inputs "
                    "alone: compile the Distiller anew, and give fit cached.attach(data)"
                )
            return None if cached is None else (cached, {})
        teacher = self.teacher
        if self._teacher_reader is not None:
            teacher = functools.partial(self._teacher_reader, teacher)
        if self._teacher_trains:
            outputs = teacher(inputs, training=True)
        else:
            states = recurrent_states(self.teacher)
            outputs = self._version.training.inference(teacher, inputs, keep=states)
        return (outputs, {}) if self._teacher_reader is None else outputs

    def _log(self, tracker, value: tf.Tensor) -> None:
        """Logs what a batch gives, which counts by its examples, as Keras' own loss does."""
        tracker.update_state(value, sample_weight=self._thread.examples)
        self._thread.logged.add(tracker.name)

    def get_metrics_result(self) -> dict[str, Any]:
        """The logs, without what no batch gave."""
        results, silent = super().get_metrics_result(), self._silent()
        return {name: result for name, result in results.items() if name not in silent}

    @property
    def metrics_names(self) -> list[str]:
        """The names of the logs, without what no batch gave."""
        silent = self._silent()
        return [name for name in super().metrics_names if name not in silent]

    def _silent(self) -> set[str]:
        """The names of the losses that are logged but that nothing was computed for.

        While a step is traced that is known of the step, at other times of the steps since the
        logs began.
        """
        own = [self.student_tracker, self.distillation_tracker, self.total_tracker]
        own += filter(None, [*self.loss_trackers, self.teacher_tracker, self.cosine_tracker])
        if tf.executing_eagerly():
            logged = {each.name for each in own if float(tf.convert_to_tensor(each.count)) > 0}
        else:
            logged = getattr(self._thread, "logged", set())
        if not logged:  # No step was taken.
            return set()
        silent = {tracker.name for tracker in own} - logged
        no_loss = {"student_loss", "distillation_loss"} <= silent
        return silent | {"loss", "total_loss"} if no_loss else silent

    def _at_step(self, weight: Weight):
        if not callable(weight):
            return weight
        optimizer = getattr(self, "optimizer", None)
        step = 0 if optimizer is None else optimizer.iterations
        return tf.cast(weight(tf.convert_to_tensor(step)), tf.float32)

    def train_step(self, data):
        if self.cosine_tracker is None:
            return super().train_step(data)
        with tf.GradientTape(persistent=True) as tape:
            super().train_step(data)
        hard, soft = self._thread.losses
        if hard is not None and soft is not None:
            weights = self._version.training.values(self.student.trainable_variables)
            self._log(self.cosine_tracker, gradient_cosine(tape, hard, soft, weights))
        return self.get_metrics_result()
