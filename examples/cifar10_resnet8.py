"""Quantized distillation of ResNet-8 on CIFAR-10, beside its controls.

    python examples/cifar10_resnet8.py --data_dir=DATA

A trained float ResNet-8 is quantized to 4, 3 and 2 bits and trained on for a few
epochs, with its float self as the teacher. The runs:

* distilled: a uniform grid whose step is trained too (`tfqd.LearnedStep`);
* taught: the same from a better teacher, a ResNet-20, where DATA has it;
* control: the same without the teacher, on labels alone;
* uniform: distilled on the paper's grid, buckets of 256 weights, bits lowered step
  by step (`tfqd.callbacks.BitSchedule`);
* points: the paper's second method, differentiable quantization: points that start
  at quantiles are trained, weights are not;
* codebook: points and weights are trained together;
* own_range: the same with trained scales, on labels alone; points_own_range: points and
  trained scales, weights are not trained; points_own_range_labels: so, on labels alone;
  points_channel_labels: so, with a scale for each channel; points_short_labels: so, with
  one for each 128 weights;
* budget: as distilled, with bits allotted to the kernels by `tfqd.allocate_bits`
  within the bytes that equal bits take;
* cheap: `tfqd.EntropyConstrained`, codes chosen with their length in view, trained to a
  number of bytes by `tfqd.callbacks.ByteBudget`, on labels alone; cheap_allotted: started
  with bits allotted to the kernels; cheap_long: with images moved as long trainings want;
  cheap_light: with a smaller weight of the length; cheap_taught: from the ResNet-20;
* curve: methods at five sizes by one protocol, on labels alone: learned steps with 0 among
  the levels, one for each channel, or as many levels below 0 as above (even), or bits
  allotted; points with trained scales; codes chosen with their length in view, on grids and
  among trained points (`tfqd.EntropyCodebook`); made where --runs names them;
* factors: codebooks of about 2 bits whose range follows the weights or is trained, by tensor or
  by channel, with the nearest points or the code length in view; likewise;
* trial: 2 bits by gradients and codebooks that others found (`resnet8_trials.py`); likewise;
* post_training, post_training_points, post_training_budget: quantized once, to the
  paper's grid, to points at quantiles, to the grid with bits allotted; not trained;
* float_control: the float model trained on for as many epochs with the teacher,
  the honest upper line.

After each training BatchNormalization statistics are measured anew with the final
weights; every model's size is that of its `.tfqd` file. OUTPUT/evaluation.json holds the
quantized models that were made against the float one (`tfqd.evaluate`).

DATA holds ``cifar10/train_*.webp`` or Python's ``cifar-10-batches-py``,
``models/resnet8_cifar10.h5``, and perhaps ``models/resnet20_cifar10.keras``. Without
--data_dir the program runs on scikit-learn's digits, to try it out.

The teacher's answers to the images as they were moved are kept in OUTPUT, for the
runs that see the same. A run that is interrupted goes on from its last whole epoch;
one that is in the results is not repeated; several processes may share the results,
each with --runs of its own. `--validate` holds out 5,000 training images and
measures on them instead of the test images: to choose settings by.
"""

import json
import os
import pathlib
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import consoles
import keras
import numpy as np
from absl import app, flags
from cifar_data import Images, batches, held_out
from epochs import Checkpoint, EpochLog, epochs_in
from norm_batches import NORM_BATCHES
from resnet8_curves import CURVES
from resnet8_data import BATCH, better_teacher, better_teacher_file, load
from resnet8_factors import FACTORS
from resnet8_runs import RUNS, Run
from resnet8_trials import TRIALS
from results_file import ResultsFile, mean_and_deviation
from rich.table import Table

import tfqd
from tfqd.callbacks import BatchNormReestimation, BitSchedule, ByteBudget
from tfqd.distillation import LogitsDistillation, cache_teacher

ALL_RUNS = {**RUNS, **CURVES, **FACTORS, **TRIALS}
ALLOCATION_IMAGES = 512

_DATA = flags.DEFINE_string("data_dir", None, "folder with CIFAR-10 and the trained ResNet-8")
_OUTPUT = flags.DEFINE_string("output", "cifar10_resnet8", "folder for checkpoints and models")
_RESULTS = flags.DEFINE_string("results", None, "results file; default OUTPUT/results.json")
_RUNS = flags.DEFINE_list("runs", None, "the runs to make; default those of resnet8_runs.py")
_EPOCHS = flags.DEFINE_integer("epochs", 10, "epochs of each run", lower_bound=1)
_SEEDS = flags.DEFINE_list("seeds", ["0"], "seeds of each run")
_VALIDATE = flags.DEFINE_bool("validate", False, "measure on held-out training images")


def main(argv) -> None:
    del argv
    console = consoles.console()
    output = pathlib.Path(_OUTPUT.value)
    try:
        runs, seeds = _chosen()
        images, model, source = load(_DATA.value, console.print)
        if _VALIDATE.value:
            images, source = held_out(images), f"{source}, measured on held-out training images"
        file = pathlib.Path(_RESULTS.value or output / "results.json")
        command = f"python examples/cifar10_resnet8.py --data_dir=DATA --results={file}"
        results = ResultsFile(file, {"command": command, "data": source})
    except (ValueError, OSError) as error:
        sys.exit(f"cifar10_resnet8: {error}")
    console.print(
        f"Data: {source}; {len(images.x_train)} to train, {len(images.x_test)} to measure on"
    )
    files = {}
    for seed in seeds:
        for name in runs:
            key = {"run": name, "seed": seed}
            if ALL_RUNS[name].trained:
                key["epochs"] = _EPOCHS.value
            if results.find(key) is None:
                row = _make(name, seed, model, images, output)
                results.add({**key, **row})
                console.print(f"{name}, seed {seed}: {row['accuracy']:.2f} %")
                if ALL_RUNS[name].spec is not None:
                    files[f"{name}, seed {seed}"] = _folder(output, name, seed) / "model.tfqd"
    console.print(_table(results.rows))
    if files:
        data = images.x_test.astype(np.float32), images.y_test
        found = tfqd.evaluate({"float": model, **files}, data, efficiency=False)
        console.print(found)
        text = json.dumps(found.to_dict(), indent=1) + "\n"
        (output / "evaluation.json").write_text(text, encoding="utf-8")


def _chosen() -> tuple[list[str], list[int]]:
    taught = better_teacher_file(_DATA.value) is not None
    able = [name for name, run in ALL_RUNS.items() if taught or run.teacher == "itself"]
    runs = _RUNS.value or [name for name in able if name in RUNS]
    unknown = sorted(set(runs) - ALL_RUNS.keys())
    if unknown:
        raise ValueError(f"--runs: no run called {unknown[0]!r}; there are {', '.join(ALL_RUNS)}")
    untaught = [name for name in runs if name not in able]
    if untaught:
        raise ValueError(f"--runs: {untaught[0]} needs models/resnet20_cifar10.keras in --data_dir")
    try:
        return runs, [int(seed) for seed in _SEEDS.value]
    except ValueError as error:
        raise ValueError(f"--seeds must be whole numbers; got {_SEEDS.value}") from error


def _table(rows: list[dict]) -> Table:
    table = Table(title="ResNet-8", caption="bytes: the .tfqd file; of float models, the weights")
    for heading in ("run", "epochs", "seeds", "accuracy", "bytes"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault((row["run"], row.get("epochs", 0)), []).append(row)
    for (run, epochs), group in sorted(groups.items()):
        accuracy = mean_and_deviation([row["accuracy"] for row in group])
        size = f"{np.mean([row['bytes'] for row in group]):,.0f}"
        table.add_row(run, str(epochs), str(len(group)), accuracy, size)
    return table


def _folder(output: pathlib.Path, name: str, seed: int) -> pathlib.Path:
    """Of a run."""
    return output / f"{name}_{_EPOCHS.value}epochs_seed{seed}"


def _make(name: str, seed: int, model, images: Images, output: pathlib.Path) -> dict:
    """Makes a run and gives its row."""
    run, start = ALL_RUNS[name], time.perf_counter()
    keras.utils.set_random_seed(seed)
    spec = _allocated(run, model, images) if run.allocated else run.spec
    student = model if spec is None else tfqd.quantize_model(model, spec)
    folder = _folder(output, name, seed)
    if run.trained:
        better = run.teacher == "resnet20"
        teacher = better_teacher(better_teacher_file(_DATA.value)) if better else model
        student = _train(run, seed, teacher, student, images, folder, f"{name}, seed {seed}")
    accuracy = round(100.0 * _accuracy(student, images), 2)
    if run.spec is None:
        size = 4 * model.count_params()
    else:
        folder.mkdir(parents=True, exist_ok=True)
        tfqd.save(student, folder / "model.tfqd", facts={"run": name, "accuracy": accuracy})
        size = (folder / "model.tfqd").stat().st_size
    seconds = time.perf_counter() - start
    row = {"accuracy": accuracy, "bytes": size, "seconds": round(seconds)}
    if run.allocated:
        row["bits"] = {share.path: round(share.bits, 2) for share in spec.shares}
    return row | run.settings(_EPOCHS.value)


def _allocated(run: Run, model, images: Images) -> tfqd.allocation.Allocation:
    """Bits for each kernel, within the run's budget or the bytes that equal bits take."""
    spec, budget = run.spec, run.budget
    if budget is None:
        with tempfile.TemporaryDirectory() as folder:
            equal = pathlib.Path(folder) / "equal_bits.tfqd"
            tfqd.save(tfqd.quantize_model(model, spec), equal)
            budget = equal.stat().st_size
    chosen = np.random.default_rng(0).permutation(len(images.x_train))[:ALLOCATION_IMAGES]
    data = images.x_train[chosen].astype(np.float32), images.y_train[chosen]
    loss = "sparse_categorical_crossentropy"
    return tfqd.allocate_bits(model, data, budget=budget, spec=spec, loss=loss)


def _train(run: Run, seed: int, teacher, student, images: Images, folder, title: str):
    """Trains the student, from its last whole epoch on, and gives it back."""
    epochs, steps = _EPOCHS.value, len(images.x_train) // BATCH
    answers = f"{run.teacher}_shift{run.shift}_{epochs}epochs_seed{seed}"

    def stream(start: int, stop: int):
        return batches(images, seed, start, stop, run.shift)

    if run.distil:
        teacher = cache_teacher(teacher, stream(0, epochs * steps), folder.parent / answers)
    checkpoint = folder / "distiller.keras"
    if checkpoint.exists():
        distiller = keras.saving.load_model(checkpoint)
    else:
        distiller = tfqd.Distiller(
            teacher,
            _copy(student) if run.spec is None else student,
            LogitsDistillation(run.temperature, from_logits=False),
            student_loss_weight=run.weight_of_labels,
        )
        rate = keras.optimizers.schedules.CosineDecay(run.learning_rate, epochs * steps)
        distiller.compile(
            keras.optimizers.Adam(rate),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=False,
        )
    done = epochs_in(checkpoint)
    # Moved and flipped as in training: other images have other statistics.
    norm = BatchNormReestimation(stream(0, min(NORM_BATCHES, steps)))
    budgets = [] if run.budget is None else [ByteBudget(run.budget)]
    callbacks = [norm, *budgets, EpochLog(title, epochs), Checkpoint(checkpoint)]
    if run.phases:
        callbacks.append(BitSchedule(run.phases_of(epochs)))
    left = stream(done * steps, epochs * steps)
    distiller.fit(
        teacher.attach(left) if run.distil else left,
        initial_epoch=done,
        epochs=epochs,
        steps_per_epoch=steps,
        callbacks=callbacks,
        verbose=0,
    )
    return distiller.student


def _copy(model: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def _accuracy(model, images: Images) -> float:
    hits = 0
    for i in range(0, len(images.x_test), 500):
        outputs = model(images.x_test[i : i + 500].astype(np.float32), training=False)
        hits += int(np.sum(np.argmax(outputs, -1) == images.y_test[i : i + 500]))
    return hits / len(images.x_test)


if __name__ == "__main__":
    app.run(main)
