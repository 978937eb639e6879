"""Weights that pull together against quantile and k-means points: ResNet-20 on CIFAR-10.

    python examples/couple_resnet20.py --data_dir=DATA --steps=100

Three ways to a codebook for each kernel, from one trained float network:

- ``coupled_S_R``: the network trains on for STEPS while its weights attract one another
  (`tfqd.callbacks.CoupleWeights`, strength S, reach R hundredths of a deviation); the clusters
  that they form are the points, as many as each kernel has formed.
- ``quantile_B``: the network trains on for STEPS as it is; then every kernel takes 2^B points at
  the quantiles of its weights.
- ``kmeans_B``: the same with points of least squared error.

Each is measured as it is then (post-training), and after STEPS more of training weights and points
on labels. Rows have the bytes of the `.tfqd` file and the entropy of the codes a weight, by
which the ways are to be compared. A row that is in the results is not made again; several
processes may share the results, each with --runs of its own.

DATA is as for cifar10_resnet8.py, with ``models/resnet20_cifar10.keras`` in it. Without
--data_dir the program runs on scikit-learn's digits and a ResNet-8, and `--smoke` makes three
steps of an untrained one.
"""

import os
import pathlib
import re
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import consoles
import keras
from absl import app, flags
from cifar_data import Images
from resnet8_data import float_network
from results_file import ResultsFile
from rich.table import Table
from short_trainings import norm_batches, train

import tfqd
from tfqd.callbacks import CoupleWeights, reestimate_batch_norm

_DATA = flags.DEFINE_string("data_dir", None, "folder with CIFAR-10 and the float networks")
_OUTPUT = flags.DEFINE_string("output", "couple_resnet20", "folder for the models")
_RESULTS = flags.DEFINE_string("results", None, "results file; default OUTPUT/results.json")
_NETWORK = flags.DEFINE_enum("network", None, ["resnet8", "resnet20"], "what is quantized")
_RUNS = flags.DEFINE_list("runs", None, "runs to make, such as kmeans_2 or coupled_200_30")
_STEPS = flags.DEFINE_integer("steps", 390, "steps of each training", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "seed of the trainings", lower_bound=0)
_SMOKE = flags.DEFINE_bool("smoke", False, "the shortest trial: three steps a training")

RUNS = (
    *(f"{init}_{bits}" for bits in (2, 3, 4) for init in ("quantile", "kmeans")),
    *(f"coupled_200_{reach}" for reach in (50, 30, 20)),
)
SMOKE = ("kmeans_2", "coupled_4000_30")
RATE = 5e-4
# What the ways have in common: points that are values of weights, and how they are trained.
POINTS = {"scale": None, "scaling": "symmetric", "gradient_scale": "lsq"}


def main(argv) -> None:
    del argv
    console = consoles.console()
    output = pathlib.Path(_OUTPUT.value)
    network = _NETWORK.value or ("resnet20" if _DATA.value else "resnet8")
    names = _RUNS.value or (SMOKE if _SMOKE.value else RUNS)
    try:
        runs = {name: _parsed(name) for name in names}
        images, model, source = float_network(_DATA.value, network, _SMOKE.value)
        file = pathlib.Path(_RESULTS.value or output / "results.json")
        command = f"python examples/couple_resnet20.py --data_dir=DATA --steps={_steps()}"
        results = ResultsFile(file, {"command": command, "data": source})
    except (ValueError, OSError) as error:
        sys.exit(f"couple_resnet20: {error}")
    console.print(f"Data: {source}")
    output.mkdir(parents=True, exist_ok=True)
    for name, (way, numbers) in runs.items():
        key = {"network": model.name, "run": name, "seed": _SEED.value, "steps": _steps()}
        if results.find(key) is None:
            start = time.perf_counter()
            folder = output / "_".join(map(str, key.values()))
            folder.mkdir(exist_ok=True)
            row = {"way": way, **_row(way, numbers, model, images, folder)}
            results.add({**key, **row, "seconds": round(time.perf_counter() - start)})
            console.print(f"{name}: {row}")
    console.print(_table(results.rows))


def _parsed(name: str) -> tuple[str, list[int]]:
    """The way of a run, and its numbers: bits, or strength and reach."""
    found = re.fullmatch(r"(quantile|kmeans)_[1-8]|coupled_[1-9]\d*_[1-9]\d*", name)
    if found is None:
        raise ValueError(
            f"--runs: no run called {name!r}; runs are quantile_BITS, kmeans_BITS and "
            "coupled_STRENGTH_REACH, with the reach in hundredths of a deviation"
        )
    way, *numbers = name.split("_")
    return way, [int(number) for number in numbers]


def _steps() -> int:
    return 3 if _SMOKE.value else _STEPS.value


def _row(
    way: str, numbers: list[int], model: keras.Model, images: Images, folder: pathlib.Path
) -> dict:
    """What a run has come to, before and after training with its codebooks."""
    keras.utils.set_random_seed(_SEED.value)
    trained = keras.models.clone_model(model)
    trained.set_weights(model.get_weights())
    try:
        selection = _selection(way, numbers, trained, images)
    except ValueError as error:
        return {"refused": str(error)}
    student = tfqd.quantize_model(trained, selection)
    levels = [entry.quantizer.spec.levels for entry in student.quantized_variables]
    before = _measured(model, student, images, folder / "post_training.tfqd")
    train(student, images, _SEED.value, range(_steps(), 2 * _steps()), RATE)
    after = _measured(model, student, images, folder / "trained.tfqd")
    return {"levels": levels, "post_training": before, "trained": after}


def _selection(
    way: str, numbers: list[int], model: keras.Model, images: Images
) -> tfqd.Codebook | dict[str, tfqd.Codebook]:
    """Trains the float model on, and gives the codebooks that it is to have."""
    if way == "coupled":
        strength, reach = numbers
        coupling = CoupleWeights(strength, reach / 100)
        train(model, images, _SEED.value, range(_steps()), RATE, [coupling])
        return coupling.settle(**POINTS)
    train(model, images, _SEED.value, range(_steps()), RATE)
    return tfqd.Codebook(bits=numbers[0], bucket_size=None, init=way, **POINTS)


def _measured(
    model: keras.Model, student: keras.Model, images: Images, file: pathlib.Path
) -> dict[str, float]:
    """Accuracy on the test images, bytes of the archive, bits of entropy a quantized weight."""
    reestimate_batch_norm(student, norm_batches(images, _SEED.value, _steps()))
    count = 50 if _SMOKE.value else len(images.x_test)
    data = images.x_test[:count].astype("float32"), images.y_test[:count]
    found = tfqd.evaluate({"float": model, "student": student}, data, efficiency=False)
    tfqd.save(student, file)
    sizes = tfqd.size_report(student).variables.values()
    bits = sum(size.entropy * size.weights for size in sizes) / sum(size.weights for size in sizes)
    return {
        "accuracy": round(float(found.values["student"]["accuracy"]), 4),
        "bits": round(bits, 3),
        "bytes": file.stat().st_size,
    }


def _table(rows: list[dict]) -> Table:
    table = Table(title="Ways to a codebook", caption="bits: entropy of the codes a weight")
    columns = ("network", "run", "levels", *2 * ("bits", "bytes", "accuracy"))
    for heading in columns:
        table.add_column(heading, justify="right")
    for row in rows:
        if "refused" in row:
            table.add_row(row["network"], row["run"], "refused")
            continue
        levels = f"{min(row['levels'])} to {max(row['levels'])}"
        cells = []
        for form in ("post_training", "trained"):
            found = row[form]
            cells += [f"{found['bits']:.2f}", f"{found['bytes']:,}", f"{found['accuracy']:.2%}"]
        table.add_row(row["network"], row["run"], levels, *cells)
    return table


if __name__ == "__main__":
    app.run(main)
