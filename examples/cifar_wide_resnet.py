"""The paper's wide residual networks on CIFAR-10 and CIFAR-100, on one device or several.

    python examples/cifar_wide_resnet.py --data_dir=DATA --classes=100 --devices=2

The paper's CIFAR-100 experiment goes from WRN-28-10 (36.5 million parameters) to WRN-22-8
(17.2 million); `--teacher` and `--student` name others, such as 16-2. The runs are those of
`compression_runs.py`, the settings the paper's: 200 epochs from rate 0.1, a fifth of it after
60, 120 and 160, batches of 100 images (110 of CIFAR-100), Dropout of 0.3; the first kernel and
the last bias stay float. `--budget` is the share of the epochs to make. `--devices=N` trains
on N GPUs, or on N parts of the processor where there is none, by `tf.distribute`; the batch
must go evenly to them. `--precision` names a policy of Keras that computes in 16 bits.

DATA holds ``cifar10/train_*.webp`` or ``cifar-10-batches-py``, or ``cifar-100-python``.
Without --data_dir the program runs on scikit-learn's digits, to try it out; `--smoke` makes
the shortest of all trials. Interrupted runs go on, finished ones are kept, and several
processes may share the results.
"""

import dataclasses
import os
import pathlib
import re
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import consoles
import devices
import keras
import precisions
from absl import app, flags
from cifar_data import ImageBatches, Images, cifar10, cifar100, digits
from compression_runs import RUNS, checked_runs
from learning_rates import Plateau, Steps
from paper_recipes import Recipe, paper, with_float_ends
from residual_networks import wide_resnet
from results_file import ResultsFile, seeds_of
from study import Study, table
from trainings import Training

# Mean and standard deviation of the channels of the training images.
STATISTICS = {
    10: ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    100: ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
}
SMOKE_IMAGES = 80

_DATA = flags.DEFINE_string("data_dir", None, "folder with the images")
_CLASSES = flags.DEFINE_enum("classes", "100", ["10", "100"], "CIFAR-10 or CIFAR-100")
_TEACHER = flags.DEFINE_string("teacher", "28-10", "depth and width of the teacher")
_STUDENT = flags.DEFINE_string("student", "22-8", "depth and width of the student")
_OUTPUT = flags.DEFINE_string("output", "cifar_wide_resnet", "folder for checkpoints and models")
_RESULTS = flags.DEFINE_string("results", None, "results file; default OUTPUT/results.json")
_RUNS = flags.DEFINE_list("runs", list(RUNS), "names of the runs to make")
_SEEDS = flags.DEFINE_list("seeds", ["1"], "seeds of each run")
_BUDGET = flags.DEFINE_float("budget", 1.0, "share of the epochs to make", lower_bound=0.0)
_PRECISION = precisions.flag("float32")
_SMOKE = flags.DEFINE_bool("smoke", False, "the shortest trial: few digits, tiny networks")


def main(argv) -> None:
    del argv
    console = consoles.console()
    if _SMOKE.value:
        flags.FLAGS.runs, flags.FLAGS.budget = ["quantized_4bit"], 0.0
        flags.FLAGS.teacher, flags.FLAGS.student = "10-2", "10-1"
    try:
        strategy = devices.strategy()
        images, source, classes = _images()
        recipe = wide(_BUDGET.value, batch=20 if _SMOKE.value else 110 if classes == 100 else 100)
        devices.check_batch(recipe.batch, strategy)
        networks = {"teacher": _size(_TEACHER), "student": _size(_STUDENT)}
        path = pathlib.Path(_RESULTS.value or f"{_OUTPUT.value}/results.json")
        named = f"WRN-{_TEACHER.value} to WRN-{_STUDENT.value}"
        results = ResultsFile(path, {"command": _command(), "data": f"{source}, {named}"})
        seeds, runs = seeds_of(_SEEDS.value), checked_runs(_RUNS.value)
    except (ValueError, OSError) as error:
        sys.exit(f"cifar_wide_resnet: {error}")
    console.print(f"Data: {source}")
    keras.mixed_precision.set_global_policy(_PRECISION.value)
    facts = {"data": source, "networks": named}
    statistics = STATISTICS[classes]

    def build(name: str, dropout: bool) -> keras.Model:
        rate = 0.3 if dropout or name == "student" else 0.0
        return wide_resnet(*networks[name], classes, *statistics, recipe.weight_decay, rate)

    for seed in seeds:
        try:
            data = ImageBatches(images, seed, recipe.shift, recipe.batch)
        except ValueError as error:
            sys.exit(f"cifar_wide_resnet: {error}")
        trainer = dataclasses.replace(recipe.trainer(data, seed), strategy=strategy)
        folder = pathlib.Path(_OUTPUT.value, f"{_TEACHER.value}_{_STUDENT.value}")
        study = Study(build, recipe, trainer, data.test(), folder, None, facts)
        for row in study.rows(["student"], runs, results):
            console.print(f"{row['student']}, seed {seed}, {row['run']}: {row['accuracy']:.2f} %")
    console.print(table(results.rows))


def wide(budget: float, batch: int) -> Recipe:
    """The paper's settings for wide residual networks.

    Args:
        budget: the share of its epochs to make.
        batch: images a step.
    """
    small = with_float_ends(paper(budget))
    epochs = small.float.epochs
    steps = Steps(tuple(round(budget * epoch) for epoch in (60, 120, 160)), 0.2)
    return dataclasses.replace(
        small,
        name="wide",
        batch=batch,
        weight_decay=5e-4,
        float=Training(epochs, 0.1, steps),
        weights_training=Training(epochs, 0.1, steps),
        points_training={
            bits: dataclasses.replace(
                small.points_training[2], rate=1e-4, schedule=Plateau(2, 0, epochs)
            )
            for bits in (2, 4, 8)
        },
    )


def _size(flag) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)-(\d+)", flag.value)
    if found is None or int(found[1]) % 6 != 4:
        raise ValueError(f"--{flag.name} must be DEPTH-WIDTH, the depth 6n + 4; got {flag.value!r}")
    return int(found[1]), int(found[2])


def _images() -> tuple[Images, str, int]:
    """The images, where they come from, and the number of their classes."""
    if _DATA.value is None or _SMOKE.value:
        count = SMOKE_IMAGES if _SMOKE.value else None
        source = "a few of the digits" if _SMOKE.value else "scikit-learn's digits"
        return Images(*(part[:count] for part in digits())), source, 10
    load = {"10": cifar10, "100": cifar100}[_CLASSES.value]
    images = load(pathlib.Path(_DATA.value))
    return images, f"CIFAR-{_CLASSES.value}", int(_CLASSES.value)


def _command() -> str:
    options = f"--classes={_CLASSES.value} --teacher={_TEACHER.value} --student={_STUDENT.value}"
    return f"python examples/cifar_wide_resnet.py --data_dir=DATA {options}"


if __name__ == "__main__":
    app.run(main)
