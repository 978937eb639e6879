"""The loss and the metrics that a model was compiled with, of the answers of any model."""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfqd.evaluation.contenders import Contender, ModelContender
from tfqd.evaluation.examples import Examples
from tfqd.evaluation.notes import Note
from tfqd.evaluation.task import Task
from tfqd.wrapping.version import version_of


class CompiledMetrics:
    """What `evaluate` of the model would say if it gave the answers of another.

    They are computed by a model of the same version of Keras that hands on what it is
    given, compiled as the model was. Penalties of its layers are no part of the loss.

    Args:
        model: a compiled Keras model of one output.
        labels: [examples, ...].
        weights: sample weights, [examples, ...] or None.
        mask: which answers count, bool [examples, steps], or None for all. Where there is
            one, metrics see the steps that count as examples.

    Raises:
        Exception: what Keras raises for a metric that it cannot make again from its
            configuration, as a function that is not registered.
    """

    def __init__(self, model: Any, labels: np.ndarray, weights: Any, mask: np.ndarray | None):
        self._keras = importlib.import_module(version_of(model).name)
        self._config = {**model.get_compile_config(), "optimizer": "sgd", "run_eagerly": True}
        names = getattr(model, "output_names", None) or ["answers"]
        self._name, self._mask = names[0], mask
        self._labels = self._counting(labels)
        self._weights = None if weights is None else self._counting(weights)
        self._judge: Any = None

    def of(self, answers: np.ndarray) -> dict[str, float]:
        """The values by their names."""
        answers = self._counting(answers)
        if self._judge is None:
            layers = self._keras.layers
            hand_on = layers.Activation("linear", name=self._name, dtype="float32")
            self._judge = self._keras.Sequential([layers.Input(answers.shape[1:]), hand_on])
            self._judge.compile_from_config(self._config)
        found = self._judge.evaluate(
            answers,
            self._labels,
            sample_weight=self._weights,
            batch_size=256,
            verbose=0,
            return_dict=True,
        )
        return {name: float(value) for name, value in found.items()}

    def _counting(self, array: np.ndarray) -> np.ndarray:
        if self._mask is None or array.shape[: self._mask.ndim] != self._mask.shape:
            return array
        return array[self._mask]


def compiled_metrics(
    reference: Contender,
    examples: Examples,
    mask: np.ndarray | None,
    answers: Mapping[str, np.ndarray],
    task: Task,
) -> tuple[dict[str, dict[str, float]], list[Note]]:
    """name -> the reference's compiled loss and metrics; and why some are not there.

    Args:
        reference: whose metrics they are; others than compiled models have none.
        examples: what was asked.
        mask: which answers count, bool [examples, steps], or None for all.
        answers: name -> what the model answered; the reference's is the first.
        task: what the reference is for.
    """
    if not isinstance(reference, ModelContender) or not _is_compiled(reference.model):
        return {}, []
    weights = None if examples.weights is None else examples.counting(mask)
    found, notes = {}, []
    try:
        metrics = CompiledMetrics(reference.model, examples.labels, weights, mask)
        for name, each in answers.items():
            if task.of(each).from_logits == task.from_logits:
                found[name] = metrics.of(each)
            else:
                reason = "compiled metrics are left out: of it and the reference one has logits"
                notes.append(Note(name, f"{reason}, one probabilities"))
    except Exception as error:  # a user's metric raises whatever it likes
        name, *_ = answers
        return {}, [Note.of(name, "its compiled metrics cannot be computed", error)]
    return found, notes


def _is_compiled(model: Any) -> bool:
    """Whether a model says what it was compiled with."""
    return bool(getattr(model, "get_compile_config", dict)())
