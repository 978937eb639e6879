"""The loss and the metrics that a model was compiled with, of the answers of any model."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfqd.evaluation.contenders import Contender, ModelContender
from tfqd.evaluation.examples import Examples
from tfqd.evaluation.notes import Note
from tfqd.wrapping.compiled import compiled_with
from tfqd.wrapping.own_steps import own_steps
from tfqd.wrapping.version import version_of

_METRICS = ("metrics", "weighted_metrics")


class CompiledMetrics:
    """What `evaluate` of a compiled model would say if it gave the answers of another.

    They are computed by a model of the same version of Keras that hands on what it is
    given. Penalties of layers and what `add_loss` adds are no part of the loss.

    Args:
        model: the model, of one output.
        compiled: the arguments of its `compile`.
        labels: [examples, ...].
        weights: sample weights, [examples, ...] or None.
        mask: which answers count, bool [examples, steps], or None for all. Where there is
            one, metrics see the steps that count as examples.
    """

    def __init__(
        self,
        model: Any,
        compiled: Mapping[str, Any],
        labels: np.ndarray,
        weights: np.ndarray | None,
        mask: np.ndarray | None,
    ):
        self._keras = importlib.import_module(version_of(model).name)
        self._compiled = compiled
        names = getattr(model, "output_names", None) or ["answers"]
        self._name, self._mask = names[0], mask
        self._labels = self._counting(labels)
        self._weights = None if weights is None else self._counting(weights)
        self._judge: Any = None

    def of(self, answers: np.ndarray) -> dict[str, float]:
        """The values by their names.

        Raises:
            Exception: what Keras or a metric of the user's raises.
        """
        answers = self._counting(answers)
        if self._judge is None:
            self._judge = self._made(answers.shape[1:])
        found = self._judge.evaluate(
            answers,
            self._labels,
            sample_weight=self._weights,
            batch_size=256,
            verbose=0,
            return_dict=True,
        )
        if self._compiled.get("loss") is None:
            del found["loss"]
        return {name: float(value) for name, value in found.items()}

    def _made(self, shape: tuple[int, ...]) -> Any:
        layers = self._keras.layers
        hand_on = layers.Activation("linear", name=self._name, dtype="float32")
        judge = self._keras.Sequential([layers.Input(shape), hand_on])
        judge.compile(
            loss=self._compiled.get("loss") or _no_loss,
            loss_weights=self._compiled.get("loss_weights"),
            **{name: self._copied(self._compiled.get(name)) for name in _METRICS},
            run_eagerly=True,
            jit_compile=False,
        )
        return judge

    def _copied(self, metrics: Any) -> Any:
        """The same, without what the model's own have counted."""
        if isinstance(metrics, Mapping):
            return {name: self._copied(each) for name, each in metrics.items()}
        if isinstance(metrics, list | tuple):
            return [self._copied(each) for each in metrics]
        if isinstance(metrics, self._keras.metrics.Metric):
            return type(metrics).from_config(metrics.get_config())
        return metrics

    def _counting(self, array: np.ndarray) -> np.ndarray:
        if self._mask is None or array.shape[: self._mask.ndim] != self._mask.shape:
            return array
        return array[self._mask]


def compiled_metrics(
    reference: Contender,
    examples: Examples,
    mask: np.ndarray | None,
    answers: Mapping[str, np.ndarray],
    gives_logits: Callable[[str], bool],
) -> tuple[dict[str, dict[str, float]], list[Note]]:
    """name -> the reference's compiled loss and metrics; and why some are not there.

    Args:
        reference: whose metrics they are; others than compiled models have none.
        examples: what was asked.
        mask: which answers count, bool [examples, steps], or None for all.
        answers: name -> what the model answered; the reference's is the first.
        gives_logits: whether the model of a name answers with logits.
    """
    model = reference.model if isinstance(reference, ModelContender) else None
    compiled = compiled_with(model)
    if compiled is None:
        return {}, []
    first, *_ = answers
    if own := own_steps(model):
        reason = f"its compiled metrics are left out: its class has a {own[0]} of its own"
        return {}, [Note(first, reason)]
    weights = None if examples.weights is None else examples.counting(mask)
    metrics = CompiledMetrics(model, compiled, examples.labels, weights, mask)
    found, notes = {}, []
    for name, each in answers.items():
        if gives_logits(name) != gives_logits(first):
            reason = "compiled metrics are left out: of it and the reference one has logits"
            notes.append(Note(name, f"{reason}, one probabilities"))
            continue
        try:
            found[name] = metrics.of(each)
        except Exception as error:  # a user's metric raises whatever it likes
            notes.append(Note.of(name, "compiled metrics cannot be computed", error))
    return found, notes


def _no_loss(y_true, y_pred):
    """Keras evaluates nothing without a loss."""
    del y_true
    return tf.zeros(tf.shape(y_pred)[:1])
