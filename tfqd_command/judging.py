"""How good models and files are."""

from typing import Any, NamedTuple

from tfqd_command.data import Data
from tfqd_command.outputs import Written, answers
from tfqd_command.training_task import TrainingTask


class Judge:
    """Says how good a model or file is.

    Args:
        task: what it is for.
        teacher: whose answers stand for labels where there are none.
        data: what to measure on: the test data, or the training data for want of them.
    """

    def __init__(self, task: TrainingTask, teacher: Any, data: Data):
        self.task = task
        self.on = "the training data" if data.x_test is None else "the test data"
        self._x, labels = data.measured
        self._labels = task.decided(answers(teacher, self._x)) if labels is None else labels

    def score(self, model: Any) -> float:
        """The task's score of a model."""
        return self.score_of(answers(model, self._x))

    def score_of(self, outputs: Any) -> float:
        """The task's score of what something answers to the examples."""
        return self.task.score(outputs, self._labels)

    def of_file(self, written: Written, scores: dict[str, float]) -> float:
        """The score of a written file: the quantized model's, which it was verified to answer as.

        A TFLite file is run, as its kernels may round activations to 8 bits.
        """
        if written.kind != "tflite":
            return scores["quantized"]
        return self.score_of(answers(written.path, self._x))


class Measured(NamedTuple):
    """What was measured.

    scores: of the float model, of the quantized one before training, and of it in the end.
    of_files: of each file that was written.
    """

    judge: Judge
    scores: dict[str, float]
    of_files: list[float]
