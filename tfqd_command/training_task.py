"""What a model is for, told by its outputs and labels: the loss, and how good it is."""

from typing import Any, NamedTuple

from tfqd_command.data import Data
from tfqd_command.starting import warn


class TrainingTask(NamedTuple):
    """What a model's outputs are learned as.

    kind: ``"classes"``, labels are numbers of classes; ``"one_hot"``; ``"binary"``, one
        unit says yes or no; or ``"numbers"``, a regression.
    labelled: whether there are labels; if not, the teacher's answers stand for them.
    from_logits: whether outputs are logits, not probabilities.
    """

    kind: str
    labelled: bool
    from_logits: bool

    @property
    def metric(self) -> str:
        """What `score` is called."""
        if self.kind == "numbers":
            return "mean squared error"
        return "accuracy" if self.labelled else "agreement with the teacher"

    def loss(self, losses: Any) -> Any:
        """The loss on labels, of a version of Keras' module ``losses``."""
        if self.kind == "numbers":
            return losses.MeanSquaredError()
        names = {
            "classes": "SparseCategoricalCrossentropy",
            "one_hot": "CategoricalCrossentropy",
            "binary": "BinaryCrossentropy",
        }
        return getattr(losses, names[self.kind])(from_logits=self.from_logits)

    def decided(self, outputs: Any) -> Any:
        """Labels as `score` takes them, of a teacher's outputs."""
        if self.kind == "numbers":
            return outputs
        return self._classes(outputs)

    def score(self, outputs: Any, labels: Any) -> float:
        """The share of right answers, or the mean squared error.

        Args:
            outputs: the model's.
            labels: classes, one-hot rows or numbers.
        """
        import numpy as np

        if self.kind == "numbers":
            return float(np.mean(np.square(outputs - np.reshape(labels, outputs.shape))))
        if self.kind == "one_hot" and self.labelled:
            labels = labels.argmax(-1)
        classes = self._classes(outputs)
        return float(np.mean(classes == np.reshape(labels, classes.shape)))

    def shown(self, score: float) -> str:
        """A score as people read it."""
        return f"{score:.4g}" if self.kind == "numbers" else f"{100 * score:.2f} %"

    def _classes(self, outputs: Any) -> Any:
        if self.kind == "binary":
            return outputs[..., 0] > (0.0 if self.from_logits else 0.5)
        return outputs.argmax(-1)


def training_task_of(outputs: Any, data: Data) -> TrainingTask:
    """What the model is for.

    Args:
        outputs: what the float model answers to the first examples of `data`.
        data: the training data.

    Raises:
        ValueError: when labels and outputs do not fit together, or nothing tells what
            outputs without labels are.
    """
    from tfqd.distillation.losses import looks_like_probabilities
    from tfqd.evaluation import task

    if data.y is not None:
        kind, from_logits = task.task_of(outputs, data.y)
        if kind in ("classes", "one_hot"):
            from_logits = not looks_like_probabilities(outputs)
        # Several labels at once are learned as the numbers 0 and 1.
        return TrainingTask("numbers" if kind == "several" else kind, True, from_logits)
    task.check_answers(outputs)
    if outputs.shape[-1] == 1:
        raise ValueError("what a model of one output unit is for only labels y can tell")
    probabilities = looks_like_probabilities(outputs)
    if not probabilities and task.are_shares(outputs):
        raise ValueError(
            "outputs from 0 to 1 that do not sum to 1 may be several labels at once, or numbers; "
            "only labels y can tell"
        )
    return TrainingTask("classes", False, not probabilities)


def warn_of_guesses(task: TrainingTask, outputs: Any, labels: Any) -> None:
    """Says what outputs are trained as, where that may not be what they are for."""
    import numpy as np

    from tfqd.evaluation.task import are_shares

    if not task.labelled:
        if task.from_logits:
            warn(
                f"without labels y the {outputs.shape[-1]} outputs are taken for the logits of "
                "as many classes; give y where they are something else"
            )
        return
    several = task.kind == "numbers" and outputs.shape[-1] > 1
    if several and np.isin(labels, (0, 1)).all() and not are_shares(outputs):
        warn(
            "y is 0 or 1 throughout, and the model answers with numbers from "
            f"{outputs.min():.3g} to {outputs.max():.3g}, which are trained to be 0 and 1; where "
            "they are logits of several labels at once, let the model end in a sigmoid"
        )
