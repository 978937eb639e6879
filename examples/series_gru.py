"""Quantized distillation of a GRU that tells nine speakers apart, beside its controls.

    pip install --no-deps aeon
    python examples/series_gru.py --results=examples/results/series_gru.json

Real series, JapaneseVowels, which the aeon package brings; nothing is downloaded
while the program runs. Series end at different steps, and the models mask what
is behind the end. For every seed:

* teacher: a wide bidirectional GRU;
* float_student: a small GRU that learns from labels and teacher;
* post_training: all its kernels, recurrent ones included, quantized once;
* distilled: these trained on, quantized, against the teacher;
* control: the same training without the teacher, on labels alone;
* float_control: the float student trained on for as many epochs with the
  teacher, the honest upper line.

OUTPUT/seedN/evaluation.json has what `tfqd.evaluate` says of the compressed models beside the
float student. Finished pairs of seed and run are kept in the results file and not made again.
What a run gives depends on its seed alone: the teacher and the float student of
a missing run are trained anew, to the same weights. `--validate` holds out a
third of the training series and measures on them instead of the test series: to
choose settings by.
"""

import dataclasses
import functools
import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import consoles
import japanese_vowels
import keras
import numpy as np
import tensorflow as tf
from absl import app, flags
from japanese_vowels import Batches
from rich.progress import Progress
from rich.table import Table
from whole_files import new_file

import tfqd

BATCH = 32
TEACHER_UNITS = 128
STUDENT_UNITS = 32
INPUT_NOISE = 0.4
LEARNING_RATES = {"teacher": 3e-3, "student": 3e-3, "run": 2e-3}
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

_DATA = flags.DEFINE_string("data_dir", None, "folder of the .ts files; default aeon's copy")
_OUTPUT = flags.DEFINE_string("output", "series_gru", "folder for the compressed models")
_RESULTS = flags.DEFINE_string("results", None, "results file; default OUTPUT/results.json")
_SEEDS = flags.DEFINE_integer("seeds", 5, "number of seeds, from 0 on", lower_bound=1)
_EPOCHS = {
    "teacher": flags.DEFINE_integer("teacher_epochs", 40, "epochs of the teacher", 1),
    "student": flags.DEFINE_integer("student_epochs", 80, "epochs of the float student", 1),
    "run": flags.DEFINE_integer("epochs", 40, "further epochs of each trained run", 1),
}
_VALIDATE = flags.DEFINE_bool("validate", False, "measure on held-out training series")


@dataclasses.dataclass(frozen=True)
class Run:
    """What becomes of the float student.

    bits: of its kernels; None for float.
    trained: whether it is trained on.
    distil: whether the teacher counts in that training.
    """

    bits: int | None
    trained: bool = True
    distil: bool = True


RUNS = {
    "float_control": Run(None),
    "post_training_4bit": Run(4, trained=False),
    "distilled_4bit": Run(4),
    "control_4bit": Run(4, distil=False),
    "post_training_2bit": Run(2, trained=False),
    "distilled_2bit": Run(2),
    "control_2bit": Run(2, distil=False),
}
NAMES = ("teacher", "float_student", *RUNS)


def main(argv) -> None:
    del argv
    console = consoles.console()
    output = pathlib.Path(_OUTPUT.value)
    try:
        folder, source = japanese_vowels.folder(_DATA.value)
        train, test = japanese_vowels.load(folder)
        measured = "held-out training series" if _VALIDATE.value else "test series"
        results = Results(pathlib.Path(_RESULTS.value or output / "results.json"), source, measured)
    except (ValueError, OSError) as error:
        sys.exit(f"series_gru: {error}")
    console.print(f"Data: {source}, {folder}; measured on {measured}", soft_wrap=True)
    tf.config.experimental.enable_op_determinism()
    for seed in range(_SEEDS.value):
        parts = japanese_vowels.held_out(train, seed) if _VALIDATE.value else (train, test)
        with Progress(console=console, disable=not console.is_terminal) as progress:
            models = Models(seed, japanese_vowels.batches(*parts), progress)
            missing = results.missing(seed)
            for run in missing:
                row = models.row(run, output / f"seed{seed}")
                results.add(row)
                progress.console.print(f"seed {seed}, {run}: {row['accuracy']:.2f} %")
            if missing:
                models.evaluate(output / f"seed{seed}")
    console.print(results.table())


class Models:
    """The models of one seed; teacher and float student are trained when first needed."""

    def __init__(self, seed: int, data: Batches, progress: Progress):
        self._seed = seed
        self._data = data
        self._progress = progress

    def row(self, name: str, output: pathlib.Path) -> dict:
        """Makes a run and gives its line of the results; quantized models go to the folder."""
        model = self._model(name)
        bits = RUNS[name].bits if name in RUNS else None
        size = 4 * model.count_params()
        if bits is not None:
            output.mkdir(parents=True, exist_ok=True)
            path = output / f"{name}.tfqd"
            tfqd.save(model, path)
            size = path.stat().st_size
        return {
            "seed": self._seed,
            "run": name,
            "bits": bits or 32,
            "accuracy": self._accuracy(model),
            "bytes": size,
        }

    def evaluate(self, output: pathlib.Path) -> None:
        """Writes what the compressed models of the folder have kept of the float student."""
        files = {name: output / f"{name}.tfqd" for name, run in RUNS.items() if run.bits}
        models = {"float_student": self._student, **files}
        test = self._data.x_test, self._data.y_test
        found = tfqd.evaluate(models, test, efficiency=False)
        text = json.dumps(found.to_dict(), indent=1) + "\n"
        (output / "evaluation.json").write_text(text, encoding="utf-8")

    def _model(self, name: str) -> keras.Model:
        if name == "teacher":
            return self._teacher
        if name == "float_student":
            return self._student
        run = RUNS[name]
        if run.bits is None:
            model = keras.models.clone_model(self._student)
            model.set_weights(self._student.get_weights())
        else:
            model = tfqd.quantize_model(self._student, tfqd.Uniform(bits=run.bits))
        if run.trained:
            weight = None if run.distil else 1.0
            distiller = tfqd.Distiller(self._teacher, model, student_loss_weight=weight)
            self._fit(distiller, name, "run")
        return model

    @functools.cached_property
    def _teacher(self) -> keras.Model:
        layers = keras.layers
        keras.utils.set_random_seed(self._seed)
        model = keras.Sequential(
            [
                keras.Input((None, self._data.x_train.shape[-1])),
                layers.Masking(),
                layers.GaussianNoise(INPUT_NOISE),
                layers.Bidirectional(layers.GRU(TEACHER_UNITS)),
                layers.Dropout(0.3),
                layers.Dense(self._classes),
            ],
            name="teacher",
        )
        self._fit(model, "teacher", "teacher")
        return model

    @functools.cached_property
    def _student(self) -> keras.Model:
        layers = keras.layers
        teacher = self._teacher
        keras.utils.set_random_seed(self._seed)
        model = keras.Sequential(
            [
                keras.Input((None, self._data.x_train.shape[-1])),
                layers.Masking(),
                layers.GaussianNoise(INPUT_NOISE),
                layers.GRU(STUDENT_UNITS),
                layers.Dense(self._classes),
            ],
            name="student",
        )
        self._fit(tfqd.Distiller(teacher, model), "float_student", "student")
        return model

    @property
    def _classes(self) -> int:
        return int(self._data.y_train.max()) + 1

    def _fit(self, model: keras.Model, title: str, stage: str) -> None:
        keras.utils.set_random_seed(self._seed)
        epochs = _EPOCHS[stage].value
        steps = epochs * -(-len(self._data.x_train) // BATCH)
        rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATES[stage], steps)
        model.compile(keras.optimizers.Adam(rate), LOSS, jit_compile=False)
        task = self._progress.add_task(f"seed {self._seed}, {title}", total=epochs)
        advance = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda *_: self._progress.advance(task)
        )
        x, y = self._data.x_train, self._data.y_train
        model.fit(x, y, BATCH, epochs, verbose=0, callbacks=[advance])

    def _accuracy(self, model: keras.Model) -> float:
        logits = np.asarray(model(self._data.x_test, training=False))
        return 100.0 * float(np.mean(logits.argmax(-1) == self._data.y_test))


class Results:
    """The results file: a row for each finished pair of seed and run, and a summary."""

    def __init__(self, path: pathlib.Path, data: str, measured_on: str):
        self._path = path
        self._setting = {
            "data": data,
            "measured_on": measured_on,
            "epochs": {name: flag.value for name, flag in _EPOCHS.items()},
            "learning_rates": LEARNING_RATES,
            "input_noise": INPUT_NOISE,
            "units": {"teacher": TEACHER_UNITS, "student": STUDENT_UNITS},
        }
        self._rows = []
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            for key, value in self._setting.items():
                if found.get(key) != value:
                    raise ValueError(
                        f"{path} holds results with {key} {found.get(key)!r}, not {value!r}; "
                        "give another --results"
                    )
            self._rows = found["rows"]

    def missing(self, seed: int) -> list[str]:
        """The runs that the seed has no row of."""
        made = {row["run"] for row in self._rows if row["seed"] == seed}
        return [name for name in NAMES if name not in made]

    def add(self, row: dict) -> None:
        """Takes a row up and writes the file, all of it or not at all."""
        self._rows.append(row)
        self._rows.sort(key=lambda row: (row["seed"], NAMES.index(row["run"])))
        content = {
            "command": "python examples/series_gru.py --results=examples/results/series_gru.json",
            **self._setting,
            "summary": self._summary(),
            "rows": self._rows,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with new_file(self._path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def _summary(self) -> dict[str, dict]:
        """Of every run the mean and the sample standard deviation over its seeds."""
        summary = {}
        for name in NAMES:
            rows = [row for row in self._rows if row["run"] == name]
            if rows:
                accuracy = np.array([row["accuracy"] for row in rows])
                summary[name] = {
                    "seeds": len(rows),
                    "bits": rows[0]["bits"],
                    "accuracy_mean": float(accuracy.mean()),
                    "accuracy_std": float(accuracy.std(ddof=1)) if len(rows) > 1 else None,
                    "bytes_mean": float(np.mean([row["bytes"] for row in rows])),
                }
        return summary

    def table(self) -> Table:
        summary = self._summary()
        table = Table(
            title="JapaneseVowels, by a GRU",
            caption="bytes: the .tfqd file on disk; of float models, the weights",
        )
        table.add_column("run")
        for heading in ("bits", "seeds", "accuracy", "to float", "bytes"):
            table.add_column(heading, justify="right")
        for name, of_run in summary.items():
            mean, deviation = of_run["accuracy_mean"], of_run["accuracy_std"]
            table.add_row(
                name,
                str(of_run["bits"]),
                str(of_run["seeds"]),
                f"{mean:.2f}" + ("" if deviation is None else f" ± {deviation:.2f}") + " %",
                f"{mean - summary['float_student']['accuracy_mean']:+.2f}",
                f"{of_run['bytes_mean']:,.0f}",
            )
        return table


if __name__ == "__main__":
    app.run(main)
