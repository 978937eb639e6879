"""The paper's comparison of one float student with what its methods make of it.

The runs, N being 2, 4 or 8:

* labels: float, from labels alone;
* distilled: float, from the teacher;
* post_training_Nbit: the distilled student, every trainable tensor quantized once to a
  uniform grid of N bits, with one scale a tensor;
* post_training_buckets_Nbit: the same in buckets of 256 weights;
* quantized_Nbit: quantized distillation (Algorithm 1);
* points_Nbit: differentiable quantization (Algorithm 2) of the distilled student.
"""

import collections
import functools
import itertools
import os
import pathlib
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from paper_recipes import Recipe
from results_file import ResultsFile, mean_and_deviation
from rich.table import Table
from trainings import LOSS, Trainer, Training, accuracy

import tfqd
from tfqd.distillation import CachedTeacher, cache_teacher

BITS = (2, 4, 8)
FLOAT_RUNS = ("labels", "distilled")
METHODS = ("post_training", "post_training_buckets", "quantized", "points")
RUNS = (*FLOAT_RUNS, *(f"{method}_{bits}bit" for method in METHODS for bits in BITS))
ALLOCATION_BATCHES = 5
# What `tfqd.evaluate` is asked for, and on how many batches of a hundred test images.
MEASURES, EVALUATED = ("calibration_error", "agreement"), 20
Teacher: TypeAlias = keras.Model | CachedTeacher
MACHINE = f"{platform.machine()}, {os.cpu_count()} cores"


def checked_runs(names: Sequence[str]) -> list[str]:
    """The names, all of which are known.

    Raises:
        ValueError: for one that is not.
    """
    unknown = [name for name in names if name not in RUNS]
    if unknown:
        raise ValueError(f"--runs: no {unknown[0]!r}; there are {', '.join(RUNS)}")
    return list(names)


class Comparison:
    """The runs of one student, one seed and one recipe.

    Args:
        build: gives a new student, with its Dropout or without.
        teacher: gives the trained teacher, or its answers to all that such a training sees;
            called where they are needed.
        reference: gives the trained teacher, which what was trained is held against.
        recipe: the settings.
        trainer: makes all trainings.
        test: images and labels to measure on.
        folder: for checkpoints and models.
        title: what the progress is reported under.
    """

    def __init__(
        self,
        build: Callable[[bool], keras.Model],
        teacher: Callable[[Training], Teacher],
        reference: Callable[[], keras.Model],
        recipe: Recipe,
        trainer: Trainer,
        test: tf.data.Dataset,
        folder: pathlib.Path,
        title: str,
    ):
        self._build = build
        self._teacher = teacher
        self._reference = reference
        self._recipe = recipe
        self._trainer = trainer
        self._test = test
        self._folder = folder
        self._title = title

    def model(self, name: str) -> keras.Model:
        """What the run trains, trained."""
        if name in FLOAT_RUNS:
            return self._float(distil=name == "distilled")
        method, bits = _parts(name)
        if method == "quantized":
            return self._quantized(name, bits)
        if method == "points":
            return self._points(name, bits)
        bucket_size = 256 if method == "post_training_buckets" else None
        spec = {".*": tfqd.Uniform(bits=bits, bucket_size=bucket_size)}
        return tfqd.quantize_model(self._float(distil=True), spec)

    def row(self, name: str) -> dict[str, Any]:
        """Makes a run and gives what was measured; quantized models go to the folder."""
        start = time.perf_counter()
        model = self.model(name)
        measured = 100 * accuracy(model, self._test)
        row = {"accuracy": round(measured, 2), "epochs": self.epochs(name), **self._held(model)}
        if name in FLOAT_RUNS:
            row["bytes"] = 4 * model.count_params()
        else:
            file = self._folder / name / "student.tfqd"
            file.parent.mkdir(parents=True, exist_ok=True)
            tfqd.save(model, file, facts={"run": name, "accuracy": row["accuracy"]})
            row["bytes"] = file.stat().st_size
            row["paper_bytes"] = round(tfqd.size_report(model).total.paper_bytes)
        return {**row, "seconds": round(time.perf_counter() - start)}

    def _held(self, model: keras.Model) -> dict[str, float]:
        """What `tfqd.evaluate` says of the model, held against the teacher."""
        images = self._test.unbatch().batch(100).take(EVALUATED)
        models = {"teacher": self._reference(), "student": model}
        found = tfqd.evaluate(models, images, efficiency=False).values["student"]
        return {key: round(found[key], 4) for key in MEASURES}

    def epochs(self, name: str) -> int:
        """How many epochs the run's own training has at most; 0 where there is none."""
        if name in FLOAT_RUNS:
            return self._recipe.float.epochs
        method, bits = _parts(name)
        if method == "quantized":
            return self._recipe.weights_training.epochs
        return self._recipe.points_training[bits].epochs if method == "points" else 0

    def _float(self, distil: bool) -> keras.Model:
        name, training = "distilled" if distil else "labels", self._recipe.float

        def teacher():
            return self._teacher(training) if distil else None

        return self._train(name, lambda: self._build(not distil), teacher, training)

    def _quantized(self, name: str, bits: int) -> keras.Model:
        recipe = self._recipe
        training = recipe.weights_training

        def student() -> keras.Model:
            start = self._float(distil=True) if recipe.from_float else self._build(False)
            return tfqd.quantize_model(start, recipe.weights(bits))

        return self._train(name, student, lambda: self._teacher(training), training)

    def _points(self, name: str, bits: int) -> keras.Model:
        recipe = self._recipe
        training = recipe.points_training[bits]

        def student() -> keras.Model:
            start, spec = self._float(distil=True), recipe.points(bits)
            if recipe.allocate:
                data = self._trainer.data.train(0, ALLOCATION_BATCHES)
                spec = tfqd.allocate_points(start, data, spec, LOSS, ALLOCATION_BATCHES)
            return tfqd.quantize_model(start, spec)

        def teacher():
            return self._float(distil=True) if recipe.itself else self._teacher(training)

        return self._train(name, student, teacher, training)

    def _train(self, name: str, student, teacher, training: Training) -> keras.Model:
        folder, title = self._folder / name, f"{self._title}, {name}"
        return self._trainer.train(student, teacher, training, folder, title)


def _parts(name: str) -> tuple[str, int]:
    """Method and bits of a run."""
    method, bits = re.fullmatch(r"(\w+)_(\d)bit", name).groups()
    return method, int(bits)


class Study:
    """The comparisons of several students of one teacher.

    Args:
        build: gives a new network by its name, ``"teacher"`` for the teacher's, with its
            Dropout or without.
        recipe: the settings.
        trainer: makes all trainings.
        test: images and labels to measure on.
        folder: for checkpoints and models.
        teacher_file: a trained Keras model that answers with logits, in the teacher's place.
    """

    def __init__(
        self,
        build: Callable[[str, bool], keras.Model],
        recipe: Recipe,
        trainer: Trainer,
        test: tf.data.Dataset,
        folder: pathlib.Path,
        teacher_file: str | None = None,
    ):
        self._build, self._recipe, self._trainer = build, recipe, trainer
        self._test = test
        self._file = None if teacher_file is None else pathlib.Path(teacher_file)
        self._key = {
            "recipe": recipe.name,
            "float_epochs": recipe.float.epochs,
            "teacher": "trained" if self._file is None else self._file.stem,
            "seed": trainer.seed,
        }
        self._folder = folder / "_".join(map(str, self._key.values()))
        self._cached: dict[int, CachedTeacher] = {}

    def rows(
        self, students: Sequence[str], runs: Sequence[str], results: ResultsFile
    ) -> Iterator[dict[str, Any]]:
        """Makes the runs that are not in the results yet, the teacher's first."""
        asked = [("teacher", "labels"), *itertools.product(students, runs)]
        for student, run in asked:
            key = {**self._key, "student": student, "run": run}
            if results.find(key) is None:
                row = {**key, **self._row(student, run), "machine": MACHINE}
                results.add(row)
                yield row

    def _row(self, student: str, run: str) -> dict[str, Any]:
        if student == "teacher" and self._file is not None:
            model = self._teacher()
            hits = accuracy(model, self._test)
            return {"accuracy": round(100 * hits, 2), "bytes": 4 * model.count_params()}
        return self._comparison(student).row(run)

    def _teacher(self) -> keras.Model:
        if self._file is not None:
            return keras.saving.load_model(self._file, compile=False)
        return self._comparison("teacher").model("labels")

    def _answers(self, training: Training) -> Teacher:
        """The teacher, or its answers to all that such a training will see."""
        if not self._recipe.cache:
            return self._teacher()
        if training.epochs not in self._cached:
            data = self._trainer.data
            seen = data.train(0, training.epochs * data.steps)
            folder = self._folder / f"answers_{training.epochs}epochs"
            shown = int(sys.stdout.isatty())
            self._cached[training.epochs] = cache_teacher(self._teacher(), seen, folder, shown)
        return self._cached[training.epochs]

    def _comparison(self, student: str) -> Comparison:
        return Comparison(
            functools.partial(self._build, student),
            self._answers,
            self._teacher,
            self._recipe,
            self._trainer,
            self._test,
            self._folder / student,
            f"{student}, seed {self._trainer.seed}",
        )


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """The results, a line for each student and run, means over the seeds."""
    lines = Table(title="Runs", caption="bytes: the .tfqd file; of float models, the weights")
    for heading in ("student", "recipe", "run"):
        lines.add_column(heading)
    for heading in ("epochs", "seeds", "accuracy", "bytes", "paper's formula"):
        lines.add_column(heading, justify="right")
    groups = collections.defaultdict(list)
    for row in rows:
        groups[row["student"], row["recipe"], row["run"], row.get("epochs", 0)].append(row)
    for (student, recipe, run, epochs), group in groups.items():
        paper = [row["paper_bytes"] for row in group if "paper_bytes" in row]
        lines.add_row(
            student,
            recipe,
            run,
            str(epochs),
            str(len(group)),
            mean_and_deviation([row["accuracy"] for row in group]),
            f"{np.mean([row['bytes'] for row in group]):,.0f}",
            f"{np.mean(paper):,.0f}" if paper else "",
        )
    return lines
