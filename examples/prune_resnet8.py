"""Pruning against fewer bits: a ResNet of 4 and of 2 bits with 0, 50, 80 and 90 % zeros.

    python examples/prune_resnet8.py --data_dir=DATA --steps=1170

A trained float network is quantized (`tfqd.LearnedStep`) and trained twice for STEPS on
labels: first while the smallest weights go to zero (`tfqd.callbacks.Prune`), then with its
zeros as they are. The runs ``mutual`` differ in the second training alone: the pruned
network and the whole one around it teach each other (`tfqd.unpruned`, in the manner of PQK),
the first fifth of it on labels only. Both take as many steps of the student. The runs
``bytes`` are the rivals of as many bytes as pruned networks have: `tfqd.EntropyConstrained`
under `tfqd.callbacks.within_bytes`, trained on labels in both trainings.

Every row has the bytes of the `.tfqd` file and what `tfqd.evaluate` says of the model beside
the float one. A row that is in the results is not made again, so that a run that was
interrupted goes on; several processes may share the results, each with --runs of its own.

DATA is as for cifar10_resnet8.py; `--network=resnet20` takes ``models/resnet20_cifar10.keras``
in it. Without --data_dir the program runs on scikit-learn's digits, to try it out, and
`--smoke` makes the shortest of all trials: three steps of an untrained network.
"""

import collections
import os
import pathlib
import statistics
import sys
import time
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import consoles
import keras
import numpy as np
import tensorflow as tf
from absl import app, flags
from cifar_data import Images
from resnet8_data import float_network
from results_file import ResultsFile, mean_and_deviation
from rich.table import Table
from short_trainings import norm_batches, train

import tfqd
from tfqd.callbacks import BatchNormReestimation, Prune, within_bytes
from tfqd.distillation import LogitsDistillation

_DATA = flags.DEFINE_string("data_dir", None, "folder with CIFAR-10 and the float networks")
_OUTPUT = flags.DEFINE_string("output", "prune_resnet8", "folder for the models")
_RESULTS = flags.DEFINE_string("results", None, "results file; default OUTPUT/results.json")
_NETWORK = flags.DEFINE_enum("network", "resnet8", ["resnet8", "resnet20"], "what is pruned")
_RUNS = flags.DEFINE_list("runs", None, "runs to make, such as mutual_80_2bit; default all")
_STEPS = flags.DEFINE_integer("steps", 1170, "steps of each of the two trainings", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "seed of the trainings", lower_bound=0)
_SMOKE = flags.DEFINE_bool("smoke", False, "the shortest trial: three steps a training")

SPARSITIES, BITS = (0, 80, 90, 50), (2, 4)
# About the bytes of the pruned networks.
BUDGETS = {"resnet8": (36_600, 23_300, 17_700, 14_800), "resnet20": (110_000, 66_600, 49_000)}
RATE, WARM_UP = 1e-3, 0.2
LOSS, ALLOCATION_IMAGES = "sparse_categorical_crossentropy", 512
# What rows have in common that differ in their seeds.
WAY = ("network", "run", "steps")
# What the rows keep of an evaluation.
MEASURES = ("accuracy", "calibration_error", "agreement")


class Run(NamedTuple):
    """What is trained.

    training: the second one: ``"labels"`` or ``"mutual"``.
    bits: of a learned step, pruned to `sparsity` percent zeros; or None.
    budget: the bytes of entropy-constrained codes; or None.
    """

    training: str = "labels"
    sparsity: int = 0
    bits: int | None = None
    budget: int | None = None


def runs_of(network: str) -> dict[str, Run]:
    """The runs by their names."""
    pruned = {
        f"{training}_{sparsity}_{bits}bit": Run(training, sparsity, bits)
        for sparsity in SPARSITIES
        for bits in BITS
        for training in ("labels", "mutual")
        if sparsity or training == "labels"
    }
    return pruned | {f"bytes_{budget}": Run(budget=budget) for budget in BUDGETS[network]}


def main(argv) -> None:
    del argv
    console = consoles.console()
    output = pathlib.Path(_OUTPUT.value)
    try:
        runs = _chosen()
        images, model, source = float_network(_DATA.value, _NETWORK.value, _SMOKE.value)
        file = pathlib.Path(_RESULTS.value or output / "results.json")
        command = f"python examples/prune_resnet8.py --data_dir=DATA --steps={_STEPS.value}"
        results = ResultsFile(file, {"command": command, "data": source})
    except (ValueError, OSError) as error:
        sys.exit(f"prune_resnet8: {error}")
    console.print(f"Data: {source}")
    for names in _by_first_training(runs):
        keys = {name: _key(name) for name in names}
        missing = [name for name in names if results.find(keys[name]) is None]
        if not missing:
            continue
        start = time.perf_counter()
        student, callbacks = _first_trained(model, runs[names[0]], images)
        weights, first = student.get_weights(), time.perf_counter() - start
        for name in missing:
            start = time.perf_counter()
            student.set_weights(weights)
            _train_on(student, runs[name].training, callbacks, images)
            seconds = round(first + time.perf_counter() - start)
            row = {**_measured(name, model, student, images, output), "seconds": seconds}
            made = {key: value for key, value in runs[name]._asdict().items() if value is not None}
            results.add({**keys[name], **made, **row})
            console.print(f"{name}: {100 * row['accuracy']:.2f} % in {row['bytes']:,} bytes")
    console.print(_table(results.rows))


def _chosen() -> dict[str, Run]:
    known = runs_of(_NETWORK.value)
    shortest = ["mutual_80_2bit", f"bytes_{BUDGETS[_NETWORK.value][1]}"]
    names = _RUNS.value or (shortest if _SMOKE.value else [*known])
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"--runs: no run called {unknown[0]!r}; there are {', '.join(known)}")
    return {name: known[name] for name in names}


def _steps() -> int:
    return 3 if _SMOKE.value else _STEPS.value


def _key(name: str) -> dict:
    """What a row is found by."""
    return {"network": _NETWORK.value, "run": name, "seed": _SEED.value, "steps": _steps()}


def _by_first_training(runs: dict[str, Run]) -> list[list[str]]:
    """The names of the runs, those together that differ in their second training alone."""
    alike = collections.defaultdict(list)
    for name, run in runs.items():
        alike[run._replace(training="labels")].append(name)
    return [*alike.values()]


def _first_trained(
    model: keras.Model, run: Run, images: Images
) -> tuple[keras.Model, list[keras.callbacks.Callback]]:
    """The float model quantized and trained once, and the callbacks that did it."""
    keras.utils.set_random_seed(_SEED.value)
    if run.budget is None:
        spec = tfqd.LearnedStep(bits=run.bits)
        callbacks = [Prune(run.sparsity / 100, end=1.0)] if run.sparsity else []
    else:
        some = images.x_train[:ALLOCATION_IMAGES].astype("float32")
        data = some, images.y_train[: len(some)]
        spec, callbacks = within_bytes(model, run.budget, data=data, loss=LOSS)
    student = tfqd.quantize_model(model, spec)
    train(student, images, _SEED.value, range(_steps()), RATE, callbacks)
    return student, callbacks


def _train_on(
    student: keras.Model,
    training: str,
    callbacks: list[keras.callbacks.Callback],
    images: Images,
) -> None:
    """The second training, which ends with statistics of BatchNormalization measured anew."""
    steps = _steps()
    # Not after it: a file that is within its budget would take other bytes.
    norm = BatchNormReestimation(norm_batches(images, _SEED.value, steps))
    second = range(steps, 2 * steps)
    if training == "mutual":
        labels_only = keras.optimizers.schedules.PiecewiseConstantDecay
        distiller = tfqd.Distiller(
            tfqd.unpruned(student),
            student,
            LogitsDistillation(2.0, from_logits=False),
            student_loss_weight=labels_only([int(WARM_UP * steps)], [1.0, 0.5]),
        )
        train(distiller, images, _SEED.value, second, RATE, [norm])
    else:
        train(student, images, _SEED.value, second, RATE, [norm, *callbacks])


def _measured(
    name: str, model: keras.Model, student: keras.Model, images: Images, output: pathlib.Path
) -> dict[str, float]:
    """The row of a trained student, whose archive goes to the folder."""
    count = 50 if _SMOKE.value else len(images.x_test)
    data = images.x_test[:count].astype("float32"), images.y_test[:count]
    found = tfqd.evaluate({"float": model, "student": student}, data, efficiency=False)
    file = output / f"{_NETWORK.value}_{name}_{_steps()}steps_seed{_SEED.value}.tfqd"
    file.parent.mkdir(parents=True, exist_ok=True)
    tfqd.save(student, file)
    kernels = tfqd.compress(student).quantized.values()
    zeros = sum(int(np.sum(kernel.dequantize() == 0)) for kernel in kernels)
    values = {key: found.values["student"][key] for key in MEASURES}
    rounded = {key: round(float(value), 4) for key, value in values.items()}
    weights = sum(tf.size(kernel.codes).numpy() for kernel in kernels)
    return {**rounded, "bytes": file.stat().st_size, "zeros": round(zeros / int(weights), 4)}


def _table(rows: list[dict]) -> Table:
    """One line for each way to train, over its seeds."""
    table = Table(title="Pruned and quantized", caption="bytes: the .tfqd file; means of seeds")
    for heading in (*WAY, "seeds", "zeros", "accuracy", "bytes"):
        table.add_column(heading, justify="right")
    ways = collections.defaultdict(list)
    for row in rows:
        ways[tuple(row[name] for name in WAY)].append(row)
    for (network, run, steps), group in sorted(ways.items()):
        table.add_row(
            network,
            run,
            f"2 x {steps}",
            str(len(group)),
            f"{statistics.mean(row['zeros'] for row in group):.0%}",
            mean_and_deviation([100 * row["accuracy"] for row in group]),
            f"{statistics.mean(row['bytes'] for row in group):,.0f}",
        )
    return table


if __name__ == "__main__":
    app.run(main)
