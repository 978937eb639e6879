"""The comparisons of several students of one teacher, and their rows in a results file."""

import collections
import functools
import hashlib
import itertools
import json
import os
import pathlib
import platform
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from compression_runs import MEASURES, Comparison, Teacher
from locks import alone_in
from paper_recipes import Recipe
from results_file import ResultsFile, mean_and_deviation
from rich.table import Table
from trainings import Trainer, Training, accuracy

from tfqd.distillation import CachedTeacher, cache_teacher

MACHINE = f"{platform.machine()}, {os.cpu_count()} cores"
# What the rows of one experiment's seeds may differ in.
_OF_A_SEED = frozenset(
    ("seed", "accuracy", "epochs", "bytes", "paper_bytes", "seconds", "machine", *MEASURES)
)


class GivenTeacher(NamedTuple):
    """A trained Keras model that answers with logits, and the SHA-256 of its file."""

    file: pathlib.Path
    digest: str


def teacher_of(path: str | pathlib.Path | None) -> GivenTeacher | None:
    """What `--teacher` names; None where a teacher is to be trained.

    Raises:
        ValueError: for a file that is not there, or that Keras cannot load.
    """
    if path is None:
        return None
    file = pathlib.Path(path)
    if not file.is_file():
        raise ValueError(f"--teacher={path}: there is no such file")
    try:
        keras.saving.load_model(file, compile=False)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        first = str(error).partition("\n")[0]
        raise ValueError(f"--teacher={path} is no model that Keras can load: {first}") from error
    return GivenTeacher(file, hashlib.sha256(file.read_bytes()).hexdigest())


class Study:
    """The comparisons of several students of one teacher.

    A study with another `key` is another experiment, which shares neither models nor rows.

    Args:
        build: gives a new network by its name, ``"teacher"`` for the teacher's, with its
            Dropout or without.
        recipe: the settings.
        trainer: makes all trainings.
        test: images and labels to measure on.
        folder: for checkpoints and models.
        given: a teacher in the place of one that is trained.
        facts: JSON values of what else makes another experiment, as the data and the networks.
    """

    def __init__(
        self,
        build: Callable[[str, bool], keras.Model],
        recipe: Recipe,
        trainer: Trainer,
        test: tf.data.Dataset,
        folder: pathlib.Path,
        given: GivenTeacher | None,
        facts: Mapping[str, Any],
    ):
        self._build, self._recipe, self._trainer = build, recipe, trainer
        self._test = test
        self._given = given
        self.key = {
            "recipe": recipe.name,
            "float_epochs": recipe.float.epochs,
            "teacher": "trained" if given is None else given.file.stem,
            "seed": trainer.seed,
            "budget": recipe.budget,
            "batch": recipe.batch,
            "precision": keras.mixed_precision.global_policy().name,
            "teacher_digest": None if given is None else given.digest,
            **facts,
        }
        digest = hashlib.sha256(json.dumps(self.key, sort_keys=True).encode()).hexdigest()
        named = [*list(self.key.values())[:4], digest[:8]]
        self.folder = folder / "_".join(map(str, named))
        self._cached: dict[int, CachedTeacher] = {}
        self._reference = functools.cache(self._teacher)

    def rows(
        self, students: Sequence[str], runs: Sequence[str], results: ResultsFile
    ) -> Iterator[dict[str, Any]]:
        """Makes the runs that are not in the results yet, the teacher's first."""
        asked = [("teacher", "labels"), *itertools.product(students, runs)]
        for student, run in asked:
            key = {**self.key, "student": student, "run": run}
            if results.find(key) is None:
                row = {**key, **self._row(student, run), "machine": MACHINE}
                if results.add(row, key):
                    yield row

    def _row(self, student: str, run: str) -> dict[str, Any]:
        if student == "teacher" and self._given is not None:
            model = self._teacher()
            hits = accuracy(model, self._test)
            return {"accuracy": round(100 * hits, 2), "bytes": 4 * model.count_params()}
        return self._comparison(student).row(run)

    def _teacher(self) -> keras.Model:
        if self._given is not None:
            return keras.saving.load_model(self._given.file, compile=False)
        return self._comparison("teacher").model("labels")

    def _answers(self, training: Training) -> Teacher:
        """The teacher, or its answers to all that such a training will see."""
        if not self._recipe.cache:
            return self._teacher()
        if training.epochs not in self._cached:
            data = self._trainer.data
            seen = data.train(0, training.epochs * data.steps)
            folder = self.folder / f"answers_{training.epochs}epochs"
            shown = int(sys.stdout.isatty())
            with alone_in(folder):
                answers = cache_teacher(self._teacher(), seen, folder, verbose=shown)
            self._cached[training.epochs] = answers
        return self._cached[training.epochs]

    def _comparison(self, student: str) -> Comparison:
        return Comparison(
            functools.partial(self._build, student),
            self._answers,
            self._reference,
            self._recipe,
            self._trainer,
            self._test,
            self.folder / student,
            f"{student}, seed {self._trainer.seed}",
        )


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """The results, a line for each student and run of an experiment, means over the seeds."""
    lines = Table(title="Runs", caption="bytes: the .tfqd file; of float models, the weights")
    for heading in ("student", "recipe", "teacher", "run"):
        lines.add_column(heading)
    for heading in ("epochs", "seeds", "accuracy", "bytes", "paper's formula"):
        lines.add_column(heading, justify="right")
    groups = collections.defaultdict(list)
    for row in rows:
        group = {name: value for name, value in row.items() if name not in _OF_A_SEED}
        groups[json.dumps(group, sort_keys=True)].append(row)
    for group in groups.values():
        row = group[0]
        paper = [row["paper_bytes"] for row in group if "paper_bytes" in row]
        lines.add_row(
            row["student"],
            row["recipe"],
            row["teacher"],
            row["run"],
            f"{np.mean([each.get('epochs', 0) for each in group]):.3g}",
            str(len(group)),
            mean_and_deviation([row["accuracy"] for row in group]),
            f"{np.mean([row['bytes'] for row in group]):,.0f}",
            f"{np.mean(paper):,.0f}" if paper else "",
        )
    return lines
