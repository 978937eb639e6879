"""The comparisons of several students of one teacher, and their rows in a results file."""

import collections
import functools
import itertools
import os
import pathlib
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from compression_runs import Comparison, Teacher
from paper_recipes import Recipe
from results_file import ResultsFile, mean_and_deviation
from rich.table import Table
from trainings import Trainer, Training, accuracy

from tfqd.distillation import CachedTeacher, cache_teacher

MACHINE = f"{platform.machine()}, {os.cpu_count()} cores"


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
