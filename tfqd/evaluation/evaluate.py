"""`tfqd.evaluate`: a float model and its compressed forms, measured in one way."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfqd.evaluation.arguments import (
    check_answers_are_finite,
    check_shapes,
    checked_costs,
    checked_strengths,
)
from tfqd.evaluation.compiled_metrics import compiled_metrics
from tfqd.evaluation.contenders import contender
from tfqd.evaluation.corrupted import Corrupted
from tfqd.evaluation.evaluation import Evaluation
from tfqd.evaluation.examples import Examples
from tfqd.evaluation.files import measure_files
from tfqd.evaluation.notes import together
from tfqd.evaluation.progress import track_steps
from tfqd.evaluation.scorer import Scorer
from tfqd.evaluation.task import check_answers
from tfqd.evaluation.training_cost import TrainingCost, put_costs
from tfqd.spec.checks import checked_count


def evaluate(
    models: Mapping[str, Any],
    data: Any,
    *,
    corruptions: bool | int | Sequence[int] = False,
    efficiency: bool = True,
    training: Mapping[str, TrainingCost] | None = None,
    batch_size: int = 256,
    seed: int = 0,
    verbose: bool = False,
) -> Evaluation:
    """Measures the performance, reliability and efficiency of models on the same data.

    The first model is the reference, the float one as a rule: what others retain of its
    accuracy class by class, where their answers flip, and what they weigh and take in time
    is held against it. A compressed model may keep its accuracy and lose its calibration,
    or get as many answers right, but others (von Rad, Cao and Geiger 2026, arXiv
    2602.09130, of which the three sides are taken; the measures are tfqd's choice).

    Args:
        models: name -> a Keras model (float or quantized, of Keras 3 or tf_keras), a
            `tfqd.CompressedModel`, or the path of an archive of any name, of a ``.keras`` or
            ``.tflite`` file or of a SavedModel. Models have one output, TFLite files and
            SavedModels one input too.
        data: (inputs, labels) or (inputs, labels, sample weights) as arrays, or a
            ``tf.data.Dataset`` or other iterable of such batches, with an end. Labels are
            classes, one-hot rows, 0 and 1 for each unit, or numbers. Steps that the
            reference masks count in no score.
        corruptions: whether answers to corrupted inputs are scored too, at the strengths 1,
            3 and 5 or at the one or those given; see `tfqd.evaluation.corruptions`.
        efficiency: whether archives and TFLite files are made, weighed and run. They hold the
            first two inputs as `probes` where random ones do not suit the model.
        training: what training each model cost, by its name in `models`.
        batch_size: examples to a call.
        seed: of the corruptions.
        verbose: whether to show progress.

    Raises:
        TypeError: for what is no mapping, no model, or no data.
        ValueError: when there is no model or no example, labels and answers do not fit
            together, or models answer in other shapes than the reference does, or with NaN.
        OSError: when a file cannot be read.

    Example:

    >>> import numpy as np
    >>> x, y = np.random.rand(64, 8), np.arange(64) % 4
    >>> found = tfqd.evaluate({"float": model, "4 bits": quantized}, (x, y), efficiency=False)
    >>> found.values["float"]["agreement"]
    1.0
    """
    if not isinstance(models, Mapping):
        raise TypeError(f"models must be a mapping of names to models; got {type(models).__name__}")
    if not models:
        raise ValueError("models must have one model at least; got none")
    checked_count("batch_size", batch_size)
    strengths = checked_strengths(corruptions)
    costs = checked_costs(training or {}, models)
    examples = Examples.of(data)
    contenders = {name: contender(model) for name, model in models.items()}
    reference, *_ = contenders
    answers = {
        name: each.answers(examples.inputs, batch_size)
        for name, each in track_steps(contenders.items(), "Answers", verbose)
    }
    check_answers(answers[reference])
    check_shapes(answers, reference)
    check_answers_are_finite(answers)
    mask = contenders[reference].mask(examples.inputs, batch_size)
    if mask is not None and mask.shape != answers[reference].shape[:-1]:
        mask = None  # It is of steps that the answers have no more.
    logits = {name: each.gives_logits for name, each in contenders.items()}
    weights = examples.counting(mask)
    scorer = Scorer(examples.labels, answers[reference], weights, logits[reference])
    tasks = {name: scorer.task_of(each, logits[name]) for name, each in answers.items()}
    values, classes = {}, {}
    for name, each in answers.items():
        values[name], classes[name] = scorer.scores(each, tasks[name])
    corrupted: dict[str, dict[str, float]] = {}
    if strengths:
        asked = Corrupted(examples.inputs, strengths, batch_size, seed, verbose)
        corrupted = asked.scores(contenders, tasks, scorer)
        key = "corrupted" if scorer.task.classifies else "corrupted_error"
        for name, shares in corrupted.items():
            values[name][key] = float(np.mean(list(shares.values())))
    compiled, notes = compiled_metrics(
        contenders[reference], examples, mask, answers, lambda name: tasks[name].from_logits
    )
    if efficiency:
        notes += measure_files(contenders, reference, examples.inputs, values, verbose)
    put_costs(values, costs, reference)
    return Evaluation(
        reference,
        values,
        classes if scorer.task.classifies else {},
        corrupted,
        compiled,
        together(notes),
        len(examples.labels),
    )
