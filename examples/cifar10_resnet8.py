"""Quantized distillation of ResNet-8 on CIFAR-10, beside its controls.

    python examples/cifar10_resnet8.py --data_dir=DATA

A trained float ResNet-8 is quantized to 4, 3 and 2 bits and trained on for a few
epochs, with its float self as the teacher. The runs:

* distilled: a uniform grid whose step is trained too (`tfqd.LearnedStep`);
* control: the same without the teacher, on labels alone;
* uniform: distilled on the paper's grid, buckets of 256 weights, bits lowered step
  by step (`tfqd.callbacks.BitSchedule`);
* post_training: quantized once to the paper's grid, not trained;
* float_control: the float model trained on for as many epochs with the teacher,
  the honest upper line.

After each training BatchNormalization statistics are measured anew with the final
weights; every model's size is that of its `.tfqd` file. DATA holds ``cifar10/train_*.webp`` and
``models/resnet8_cifar10.h5``, or Python's ``cifar-10-batches-py`` and the model.
Without --data_dir the program runs on scikit-learn's digits, to try it out.

A run that is interrupted goes on from its last whole epoch; one that is in the
results is not repeated. `--validate` holds out 5,000 training images and
measures on them instead of the test images: to choose settings by.
"""

import dataclasses
import json
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from absl import app, flags
from resnet8_data import BATCH, Images, batches, held_out, load
from rich.console import Console
from rich.table import Table

import tfqd
from tfqd.callbacks import BitSchedule, reestimate_batch_norm

NORM_BATCHES = 100

_DATA = flags.DEFINE_string("data_dir", None, "folder with CIFAR-10 and the trained ResNet-8")
_OUTPUT = flags.DEFINE_string("output", "cifar10_resnet8", "folder for checkpoints and models")
_RESULTS = flags.DEFINE_string("results", None, "results file; default OUTPUT/results.json")
_RUNS = flags.DEFINE_list("runs", None, "names of the runs to make; default all")
_EPOCHS = flags.DEFINE_integer("epochs", 10, "epochs of each run", lower_bound=1)
_SEEDS = flags.DEFINE_list("seeds", ["0"], "seeds of each run")
_VALIDATE = flags.DEFINE_bool("validate", False, "measure on held-out training images")


@dataclasses.dataclass(frozen=True)
class Run:
    """One training.

    spec: what the kernels are quantized to; None for float.
    phases: bits by the share of the epochs at which they begin; none for the
        spec's own from the start.
    distil: whether the teacher counts.
    trained: whether it is trained at all.
    shift: pixels by which images are moved at random. A student of few bits
        does not even fit the images as they are, and wants less of it.
    """

    spec: tfqd.Uniform | tfqd.LearnedStep | None
    phases: dict[float, int] = dataclasses.field(default_factory=dict)
    distil: bool = True
    trained: bool = True
    shift: int = 4
    temperature: float = 2.0
    student_loss_weight: float = 0.3
    learning_rate: float = 1e-3


PAPER = {bits: tfqd.Uniform(bits=bits, bucket_size=256) for bits in (8, 4, 3, 2)}
# The fewer bits, the further the weights have to go, and the more the teacher's
# whole distribution says.
RECIPES = {
    4: {"shift": 4},
    3: {"shift": 2},
    2: {"shift": 1, "temperature": 4.0, "learning_rate": 2e-3},
}
LEARNED = {bits: tfqd.LearnedStep(bits=bits) for bits in (2, 4, 3)}
PHASES = {4: {0: 4}, 3: {0: 4, 0.2: 3}, 2: {0: 4, 0.1: 3, 0.3: 2}}
RUNS = {
    "float": Run(None, trained=False),
    **{f"post_training_{bits}bit": Run(spec, trained=False) for bits, spec in PAPER.items()},
    **{f"distilled_{bits}bit": Run(spec, **RECIPES[bits]) for bits, spec in LEARNED.items()},
    "float_control": Run(None),
    **{
        f"control_{bits}bit": Run(spec, distil=False, **RECIPES[bits])
        for bits, spec in LEARNED.items()
    },
    **{f"uniform_{bits}bit": Run(PAPER[bits], PHASES[bits]) for bits in (2, 3, 4)},
}


def main(argv) -> None:
    del argv
    console = Console()
    output = pathlib.Path(_OUTPUT.value)
    try:
        runs, seeds = _chosen()
        images, model, source = load(_DATA.value, console.print)
        if _VALIDATE.value:
            images, source = held_out(images), f"{source}, measured on held-out training images"
        results = Results(pathlib.Path(_RESULTS.value or output / "results.json"), source)
    except (ValueError, OSError) as error:
        sys.exit(f"cifar10_resnet8: {error}")
    console.print(
        f"Data: {source}; {len(images.x_train)} to train, {len(images.x_test)} to measure on"
    )
    for seed in seeds:
        for name in runs:
            key = {"run": name, "seed": seed}
            if RUNS[name].trained:
                key["epochs"] = _EPOCHS.value
            if not results.has(key):
                row = _make(name, seed, model, images, output)
                results.add({**key, **row})
                console.print(f"{name}, seed {seed}: {row['accuracy']:.2f} %")
    console.print(results.table())


def _chosen() -> tuple[list[str], list[int]]:
    runs = _RUNS.value or list(RUNS)
    unknown = sorted(set(runs) - RUNS.keys())
    if unknown:
        raise ValueError(f"--runs: no run called {unknown[0]!r}; there are {', '.join(RUNS)}")
    try:
        return runs, [int(seed) for seed in _SEEDS.value]
    except ValueError as error:
        raise ValueError(f"--seeds must be whole numbers; got {_SEEDS.value}") from error


class Results:
    """The results file: one row for each finished run."""

    def __init__(self, path: pathlib.Path, source: str):
        self._path = path
        self._content = {
            "command": f"python examples/cifar10_resnet8.py --data_dir=DATA --results={path}",
            "data": source,
            "rows": [],
        }
        if path.exists():
            found = json.loads(path.read_text())
            if found["data"] != source:
                raise ValueError(
                    f"{path} holds results on {found['data']!r}, not on {source!r}; give another "
                    "--results or --output"
                )
            self._content = found

    def has(self, key: dict) -> bool:
        return any(row.items() >= key.items() for row in self._content["rows"])

    def add(self, row: dict) -> None:
        self._content["rows"].append(row)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".new")
        temporary.write_text(json.dumps(self._content, indent=1) + "\n")
        os.replace(temporary, self._path)

    def table(self) -> Table:
        table = Table(
            title="ResNet-8", caption="bytes: the .tfqd file; of float models, the weights"
        )
        for heading in ("run", "epochs", "seeds", "accuracy", "bytes"):
            table.add_column(heading, justify="left" if heading == "run" else "right")
        groups: dict[tuple, list[dict]] = {}
        for row in self._content["rows"]:
            groups.setdefault((row["run"], row.get("epochs", 0)), []).append(row)
        for (run, epochs), rows in sorted(groups.items()):
            accuracy = np.array([row["accuracy"] for row in rows])
            spread = f" ± {accuracy.std(ddof=1):.2f}" if len(rows) > 1 else ""
            size = f"{np.mean([row['bytes'] for row in rows]):,.0f}"
            table.add_row(
                run, str(epochs), str(len(rows)), f"{accuracy.mean():.2f}{spread} %", size
            )
        return table


def _make(name: str, seed: int, model, images: Images, output: pathlib.Path) -> dict:
    """Makes a run and gives its row."""
    run, start = RUNS[name], time.perf_counter()
    keras.utils.set_random_seed(seed)
    student = model if run.spec is None else tfqd.quantize_model(model, run.spec)
    folder = output / f"{name}_{_EPOCHS.value}epochs_seed{seed}"
    if run.trained:
        student = _train(run, seed, model, student, images, folder, f"{name}, seed {seed}")
    accuracy = round(100.0 * _accuracy(student, images), 2)
    if run.spec is None:
        size = 4 * model.count_params()
    else:
        folder.mkdir(parents=True, exist_ok=True)
        tfqd.save(student, folder / "model.tfqd", facts={"run": name, "accuracy": accuracy})
        size = (folder / "model.tfqd").stat().st_size
    seconds = time.perf_counter() - start
    return {"accuracy": accuracy, "bytes": size, "seconds": round(seconds), **_settings(run)}


def _settings(run: Run) -> dict:
    settings = {"spec": None if run.spec is None else run.spec.to_dict()}
    if run.trained:
        settings["phases"] = _phases(run)
        settings["shift"] = run.shift
        settings["temperature"] = run.temperature if run.distil else None
        settings["student_loss_weight"] = _student_loss_weight(run)
        settings["learning_rate"] = run.learning_rate
    return settings


def _student_loss_weight(run: Run) -> float:
    return run.student_loss_weight if run.distil else 1.0


def _phases(run: Run) -> dict[int, int]:
    return {int(share * _EPOCHS.value): bits for share, bits in run.phases.items()}


def _train(run: Run, seed: int, teacher, student, images: Images, folder, title: str):
    """Trains the student, from its last whole epoch on, and gives it back."""
    steps = len(images.x_train) // BATCH
    checkpoint = folder / "distiller.keras"
    if checkpoint.exists():
        distiller = keras.saving.load_model(checkpoint)
    else:
        distiller = tfqd.Distiller(
            teacher,
            _copy(student) if run.spec is None else student,
            tfqd.distillation.LogitsDistillation(run.temperature, from_logits=False),
            student_loss_weight=_student_loss_weight(run),
        )
        rate = keras.optimizers.schedules.CosineDecay(run.learning_rate, _EPOCHS.value * steps)
        distiller.compile(
            keras.optimizers.Adam(rate),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=False,
        )
    done = int(distiller.optimizer.iterations) // steps
    callbacks = [EpochLog(title, _EPOCHS.value), Checkpoint(checkpoint)]
    if run.phases:
        callbacks.append(BitSchedule(_phases(run)))
    if done < _EPOCHS.value:
        distiller.fit(
            batches(images, seed, done * steps, _EPOCHS.value * steps, run.shift),
            initial_epoch=done,
            epochs=_EPOCHS.value,
            steps_per_epoch=steps,
            callbacks=callbacks,
            verbose=0,
        )
    # Moved and flipped as in training: other images have other statistics.
    seen = batches(images, seed, 0, min(NORM_BATCHES, steps), run.shift)
    reestimate_batch_norm(distiller.student, seen)
    return distiller.student


def _copy(model: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


class Checkpoint(keras.callbacks.Callback):
    """Keeps the whole training after every epoch, written beside and renamed."""

    def __init__(self, path: pathlib.Path):
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch, logs=None):
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name("new.keras")
        self.model.save(temporary)
        os.replace(temporary, self._path)


class EpochLog(keras.callbacks.Callback):
    """One line for each epoch."""

    def __init__(self, title: str, epochs: int):
        super().__init__()
        self._title, self._epochs = title, epochs

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self._start
        print(
            f"{self._title}: epoch {epoch + 1} of {self._epochs}, loss {logs['loss']:.4f}, "
            f"train accuracy {100 * logs['accuracy']:.1f} %, {seconds:.0f} s",
            flush=True,
        )


def _accuracy(model, images: Images) -> float:
    hits = 0
    for i in range(0, len(images.x_test), 500):
        outputs = model(images.x_test[i : i + 500].astype(np.float32), training=False)
        hits += int(np.sum(np.argmax(outputs, -1) == images.y_test[i : i + 500]))
    return hits / len(images.x_test)


if __name__ == "__main__":
    app.run(main)
