"""What a model is for is told by its outputs and labels."""

import keras
import numpy as np
import pytest

from tfqd_command.data import Data
from tfqd_command.training_task import TrainingTask, training_task_of, warn_of_guesses

X = np.zeros((6, 4), np.float32)
LOGITS = np.array([[-1.0, 2.0, 0.5]] * 6, np.float32)
PROBABILITIES = np.array([[0.1, 0.7, 0.2]] * 6, np.float32)
CLASSES = np.array([0, 1, 2, 0, 1, 2])
MANY = np.array([[1, 1, 0]] * 6)


@pytest.mark.parametrize(
    ("outputs", "labels", "task"),
    [
        (LOGITS, CLASSES, TrainingTask("classes", True, True)),
        (LOGITS, CLASSES.astype("float64"), TrainingTask("classes", True, True)),
        (PROBABILITIES, CLASSES[:, None], TrainingTask("classes", True, False)),
        (LOGITS, np.eye(3)[CLASSES], TrainingTask("one_hot", True, True)),
        (LOGITS, LOGITS * 2, TrainingTask("numbers", True, True)),
        (LOGITS[:, :1], CLASSES % 2, TrainingTask("binary", True, True)),
        (PROBABILITIES[:, :1], CLASSES[:, None] == 1, TrainingTask("binary", True, False)),
        (LOGITS[:, :1], CLASSES.astype("float32"), TrainingTask("numbers", True, True)),
        (LOGITS, None, TrainingTask("classes", False, True)),
        (PROBABILITIES, None, TrainingTask("classes", False, False)),
        (LOGITS, MANY, TrainingTask("numbers", True, True)),
        (LOGITS[:, None].repeat(2, 1), np.zeros((6, 2), int), TrainingTask("classes", True, True)),
    ],
)
def test_task(outputs, labels, task):
    assert training_task_of(outputs, Data(X, labels)) == task


@pytest.mark.parametrize(
    ("outputs", "labels", "message"),
    [
        (LOGITS, CLASSES + 1, "classes from 0 to 2, as the model has 3 outputs; got 1 to 3"),
        (
            LOGITS,
            np.zeros((6, 2)),
            r"labels of shape \(6, 2\) and type float64 do not fit answers of shape \(6, 3",
        ),
        (LOGITS, CLASSES + 0.5, r"labels of shape \(6,\) and type float64 do not fit"),
        (LOGITS[:, :1], None, "only labels y can tell"),
        (np.clip(LOGITS, 0, 1), None, "may be several labels at once, or numbers; only labels y"),
        ([LOGITS, LOGITS], CLASSES, "must have one output"),
    ],
)
def test_what_does_not_fit(outputs, labels, message):
    with pytest.raises(ValueError, match=message):
        training_task_of(outputs, Data(X, labels))


def test_outputs_that_may_be_logits_are_said_to_be_taken_for_them(capsys):
    for outputs in (PROBABILITIES, LOGITS):
        assert capsys.readouterr().err == ""
        warn_of_guesses(training_task_of(outputs, Data(X, None)), outputs, None)
    assert "the 3 outputs are taken for the logits of as many classes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("outputs", "labels", "warns"),
    [(LOGITS, MANY, True), (np.clip(LOGITS, 0, 1), MANY, False), (LOGITS, 2 * MANY, False)],
)
def test_logits_of_several_labels_are_warned_of(capsys, outputs, labels, warns):
    task = training_task_of(outputs, Data(X, labels))
    warn_of_guesses(task, outputs, labels)
    assert ("from -1 to 2, which are trained to be 0 and 1" in capsys.readouterr().err) == warns


@pytest.mark.parametrize(
    ("task", "outputs", "labels", "score"),
    [
        (TrainingTask("classes", True, True), LOGITS, CLASSES, 1 / 3),
        (TrainingTask("classes", True, True), LOGITS, CLASSES[:, None], 1 / 3),
        (TrainingTask("one_hot", True, True), LOGITS, np.eye(3)[CLASSES], 1 / 3),
        (TrainingTask("binary", True, True), LOGITS[:, :1], np.array([0, 0, 0, 1, 1, 1]), 0.5),
        (TrainingTask("binary", True, False), PROBABILITIES[:, 1:2], np.ones((6, 1)), 1.0),
        (TrainingTask("numbers", True, True), LOGITS, LOGITS + 2, 4.0),
    ],
)
def test_scores(task, outputs, labels, score):
    assert task.score(outputs, labels) == pytest.approx(score)


def test_without_labels_the_teachers_answers_stand_for_them():
    task = TrainingTask("classes", False, True)
    assert task.score(PROBABILITIES, task.decided(LOGITS)) == 1.0
    assert task.metric == "agreement with the teacher"


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        ("classes", keras.losses.SparseCategoricalCrossentropy),
        ("one_hot", keras.losses.CategoricalCrossentropy),
        ("binary", keras.losses.BinaryCrossentropy),
    ],
)
def test_losses_know_logits_from_probabilities(kind, loss):
    for from_logits in (True, False):
        made = TrainingTask(kind, True, from_logits).loss(keras.losses)
        assert isinstance(made, loss)
        assert made.get_config()["from_logits"] is from_logits
