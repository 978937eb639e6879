"""One training, from labels or from a teacher, that goes on after a kill."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from epochs import Checkpoint, EpochLog, epochs_in, save_whole
from learning_rates import Pace, Schedule, constant
from locks import alone_in
from norm_batches import NORM_BATCHES

import tfqd
from tfqd.callbacks import reestimate_batch_norm
from tfqd.distillation import CachedTeacher, LogitsDistillation

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
ERRORS = "errors.json"


class Data(Protocol):
    """Inputs and labels, batch by batch."""

    steps: int

    def train(self, start: int, stop: int) -> tf.data.Dataset:
        """The training batches of these steps, which depend on the steps alone."""

    def held_out(self) -> tf.data.Dataset:
        """Data like those that are trained on, to watch the training by."""


@dataclasses.dataclass(frozen=True)
class Training:
    """How long and how fast.

    rate: the largest learning rate.
    schedule: what it is multiplied by, from epoch to epoch.
    adam: whether by Adam, not by momentum.
    """

    epochs: int
    rate: float
    schedule: Schedule = constant
    adam: bool = False

    def optimizer(self) -> keras.optimizers.Optimizer:
        if self.adam:
            return keras.optimizers.Adam(self.rate)
        return keras.optimizers.SGD(self.rate, momentum=0.9, nesterov=True)


def accuracy(model: keras.Model, batches: tf.data.Dataset) -> float:
    """The share of the images that the model, as it computes in inference, gets right."""
    hits, count = 0, 0
    for images, labels in batches:
        classes = tf.argmax(model(images, training=False), -1)
        hits += int(np.sum(classes.numpy() == labels.numpy()))
        count += len(labels)
    return hits / count


@dataclasses.dataclass(frozen=True)
class Trainer:
    """What the trainings of a comparison have in common.

    seed: of initial weights, Dropout and everything else.
    soft_loss, student_loss_weight: how a student learns from its teacher.
    reestimate: whether BatchNormalization statistics are measured anew at the end.
    score: what is measured on held-out data after every epoch, from 0 to 1.
    strategy: the devices to train on.
    """

    data: Data
    seed: int
    soft_loss: LogitsDistillation
    student_loss_weight: float
    reestimate: bool = False
    score: Callable[[keras.Model, tf.data.Dataset], float] = accuracy
    strategy: tf.distribute.Strategy = dataclasses.field(default_factory=tf.distribute.get_strategy)

    def train(
        self,
        make_student: Callable[[], keras.Model],
        find_teacher: Callable[[], keras.Model | CachedTeacher | None],
        training: Training,
        folder: pathlib.Path,
        title: str,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> keras.Model:
        """The trained student, from the folder where it has been finished before.

        Args:
            make_student: gives the student as it begins, float or quantized.
            find_teacher: gives the teacher, None for labels alone.
            folder: keeps the training after every epoch, and the student at the end.
            title: what the progress is reported under.
            callbacks: further ones, called before the training is kept.
        """
        finished = folder / "student.keras"
        with self._alone_in(folder):
            with self.strategy.scope():
                if finished.exists():
                    return keras.saving.load_model(finished, compile=False)
                distiller = self._distiller(make_student, find_teacher, training, folder)
            self._fit(distiller, training, folder, title, callbacks)
            student = distiller.student
            if self.reestimate:
                # Moved and flipped as in training: other images have other statistics.
                steps = min(NORM_BATCHES, self.data.steps)
                reestimate_batch_norm(student, self.data.train(0, steps))
            save_whole(student, finished)
        return student

    def _alone_in(self, folder: pathlib.Path) -> contextlib.AbstractContextManager[None]:
        """Of several processes only those of one training may be in its folder together."""
        if isinstance(self.strategy, tf.distribute.MultiWorkerMirroredStrategy):
            return contextlib.nullcontext()
        return alone_in(folder)

    def _distiller(self, make_student, find_teacher, training, folder) -> tfqd.Distiller:
        if _checkpoint(folder).exists():
            keras.utils.set_random_seed(self.seed)  # the order of data may depend on it
            return keras.saving.load_model(_checkpoint(folder))
        teacher = find_teacher()
        keras.utils.set_random_seed(self.seed)
        distiller = tfqd.Distiller(
            teacher,
            make_student(),
            self.soft_loss,
            student_loss_weight=1.0 if teacher is None else self.student_loss_weight,
        )
        distiller.compile(
            training.optimizer(),
            LOSS,
            metrics=["accuracy"],
            jit_compile=False,
        )
        return distiller

    def _fit(self, distiller, training: Training, folder, title: str, callbacks) -> None:
        steps, teacher = self.data.steps, distiller.teacher
        done = epochs_in(_checkpoint(folder))
        pace = Pace(
            training.rate,
            training.schedule,
            lambda: self.score(distiller.student, self.data.held_out()),
            folder / ERRORS,
            done,
        )
        if done == training.epochs or pace.ended:
            return
        left = self.data.train(done * steps, training.epochs * steps)
        distiller.fit(
            teacher.attach(left) if isinstance(teacher, CachedTeacher) else left,
            initial_epoch=done,
            epochs=training.epochs,
            steps_per_epoch=steps,
            callbacks=[
                *callbacks,
                pace,
                EpochLog(title, training.epochs),
                Checkpoint(_checkpoint(folder)),
            ],
            verbose=0,
        )


def _checkpoint(folder: pathlib.Path) -> pathlib.Path:
    return folder / "distiller.keras"
