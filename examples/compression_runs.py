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

import pathlib
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
import tensorflow as tf
from learning_rates import epochs_made
from paper_recipes import Recipe
from trainings import ERRORS, LOSS, Trainer, Training, accuracy

import tfqd
from tfqd.distillation import CachedTeacher

BITS = (2, 4, 8)
FLOAT_RUNS = ("labels", "distilled")
METHODS = ("post_training", "post_training_buckets", "quantized", "points")
RUNS = (*FLOAT_RUNS, *(f"{method}_{bits}bit" for method in METHODS for bits in BITS))
ALLOCATION_BATCHES = 5
# What `tfqd.evaluate` is asked for, and on how many batches of a hundred test images.
MEASURES, EVALUATED = ("calibration_error", "agreement"), 20
Teacher: TypeAlias = keras.Model | CachedTeacher


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
        row = {"accuracy": round(measured, 2), "epochs": self._epochs(name), **self._held(model)}
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

    def _epochs(self, name: str) -> int:
        """How many epochs the run's own training made; 0 where there is none."""
        if name.startswith("post_training"):
            return 0
        return epochs_made(self._folder / name / ERRORS)

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
                spec = tfqd.allocate_points(
                    start, data, spec=spec, loss=LOSS, steps=ALLOCATION_BATCHES
                )
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
