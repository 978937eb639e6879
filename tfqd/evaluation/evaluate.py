"""`tfqd.evaluate`: a float model and its compressed forms, measured in one way."""

import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.progress import track

from tfqd.evaluation.arguments import arrays_of, check_shapes, checked_costs, checked_strengths
from tfqd.evaluation.contenders import Contender, contender
from tfqd.evaluation.corruptions import Corruption, corruptions_for
from tfqd.evaluation.evaluation import Evaluation
from tfqd.evaluation.scorer import Scorer
from tfqd.evaluation.task import task_of
from tfqd.evaluation.training_cost import TrainingCost
from tfqd.spec.checks import checked_count

_ROUNDS = 20


def evaluate(
    models: Mapping[str, Any],
    data: Any,
    *,
    corruptions: bool | Sequence[int] = False,
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
            `tfqd.CompressedModel`, or the path of a ``.tfqd`` or ``.tflite`` file or of a
            SavedModel. Each has one input and one output.
        data: (inputs, labels) as arrays, or a ``tf.data.Dataset`` or other iterable of such
            batches, with an end. Labels are classes, one-hot rows, 0 and 1 for one unit, or
            numbers.
        corruptions: whether answers to corrupted inputs are scored too, at the strengths 1,
            3 and 5 or at those given; see `tfqd.evaluation.corruptions`.
        efficiency: whether archives and TFLite files are made, weighed and run.
        training: what training each model cost, by its name in `models`.
        batch_size: examples to a call.
        seed: of the corruptions.
        verbose: whether to show progress.

    Raises:
        TypeError: for what is no model, and no data.
        ValueError: when there is no model or no example, labels and answers do not fit
            together, or models answer in other shapes than the reference does.
        OSError: when a file cannot be read.

    Example:

    >>> import numpy as np
    >>> x, y = np.random.rand(64, 8), np.arange(64) % 4
    >>> found = tfqd.evaluate({"float": model, "4 bits": quantized}, (x, y), efficiency=False)
    >>> found.values["float"]["agreement"]
    1.0
    """
    if not isinstance(models, Mapping) or not models:
        raise ValueError(f"models must be a mapping with one model at least; got {models!r:.80}")
    checked_count("batch_size", batch_size)
    strengths = checked_strengths(corruptions)
    costs = checked_costs(training or {}, models)
    inputs, labels = arrays_of(data)
    contenders = {name: contender(model) for name, model in models.items()}
    answers = {
        name: each.answers(inputs, batch_size)
        for name, each in _progress(contenders.items(), "Answers", verbose)
    }
    reference, *_ = contenders
    task = task_of(answers[reference], labels)
    check_shapes(answers, reference)
    scored = Scorer(task, task.labels(labels), answers[reference])
    values: dict[str, dict[str, float]]
    values = {name: scored.values(each) for name, each in answers.items()}
    corrupted: dict[str, dict[str, float]] = {}
    if strengths:
        corrupted = _corrupted(contenders, inputs, strengths, scored, batch_size, seed, verbose)
        key = "corrupted" if task.classifies else "corrupted_error"
        for name, each in corrupted.items():
            values[name][key] = float(np.mean(list(each.values())))
    notes: dict[str, str] = {}
    if efficiency:
        notes = _measure_efficiency(contenders, reference, values, verbose)
    for name, cost in costs.items():
        values[name] |= {"steps": cost.steps, "seconds": cost.seconds}
    classes = {name: scored.by_class(each) for name, each in answers.items()}
    classes = classes if task.classifies else {}
    return Evaluation(reference, values, classes, corrupted, notes, len(labels))


def _corrupted(
    contenders: Mapping[str, Contender],
    inputs: Any,
    strengths: Sequence[int],
    scored: Scorer,
    batch_size: int,
    seed: int,
    verbose: bool,
) -> dict[str, dict[str, float]]:
    """name -> corruption -> score, the mean of the strengths; all see the same inputs."""
    if not isinstance(inputs, np.ndarray):
        raise ValueError(f"corruptions are for models of one input; got {type(inputs).__name__}")
    changes: Mapping[str, Corruption] = corruptions_for(inputs)
    found: dict[str, dict[str, list[float]]] = {
        name: {change: [] for change in changes} for name in contenders
    }
    pairs = [(change, strength) for change in changes for strength in strengths]
    # From 1: the generator of [seed, 0] is that of the plain seed, which may have made the data.
    for place, (change, strength) in enumerate(_progress(pairs, "Corruptions", verbose), 1):
        worse = changes[change](inputs, strength, np.random.default_rng([seed, place]))
        for name, each in contenders.items():
            found[name][change].append(scored.score(each.answers(worse, batch_size)))
    return {
        name: {change: float(np.mean(each)) for change, each in by_change.items()}
        for name, by_change in found.items()
    }


def _measure_efficiency(
    contenders: Mapping[str, Contender],
    reference: str,
    values: dict[str, dict[str, float]],
    verbose: bool,
) -> dict[str, str]:
    """Puts what is measured of files into `values`; gives what could not be, and why."""
    from tfqd.evaluation.efficiency import latency_ratios, memory_bytes  # imports the runtimes

    notes: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, pathlib.Path] = {}
        for place, (name, each) in enumerate(_progress(contenders.items(), "Files", verbose)):
            own = pathlib.Path(folder, str(place))
            own.mkdir()
            try:
                archive = each.archive_bytes()
                if archive is not None:
                    values[name]["archive_bytes"] = archive
                files[name] = each.tflite(own)
            except ValueError as error:
                notes[name] = _note(error)
        for name, path in files.items():
            values[name]["tflite_bytes"] = path.stat().st_size
            memory = memory_bytes(path)
            if memory is not None:
                values[name]["memory"] = memory
        if reference in files:
            rounds = _progress(range(_ROUNDS), "Latency", verbose)
            for name, ratio in latency_ratios(files, reference, rounds).items():
                values[name]["latency"] = ratio
    return notes


def _progress(steps, title: str, verbose: bool):
    return track(list(steps), description=title, disable=not verbose)


def _note(error: ValueError) -> str:
    first, *_ = str(error).splitlines()
    return f"not all of its files can be made: {first}"
