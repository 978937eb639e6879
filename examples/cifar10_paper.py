"""The CIFAR-10 experiments of the paper: its small students, its methods, its settings.

    python examples/cifar10_paper.py --data_dir=DATA --budget=0.1

Students S1, S2 and S3 (1,000,235, 318,415 and 111,935 parameters) and their teacher
(5,346,142) are those of Table 1 of arXiv 1802.05668 (`paper_networks.py`); the runs are
listed in `compression_runs.py`, their settings in `paper_recipes.py`. What is measured is
the accuracy of the quantized weights on the test images, and on 2,000 of these calibration
and agreement with the teacher (`tfqd.evaluate`); sizes are bytes of the `.tfqd` file beside
the paper's own formula, which nobody stored.

`--budget` is the share of the paper's epochs (200 for a float student) to make;
`--recipe=modern` trains as one would today. `--teacher=FILE` takes a trained Keras model
that answers with logits in the place of the paper's teacher, which is trained here
otherwise and costs more than all students together.

A run that is interrupted goes on from its last whole epoch; one that is in the results is
not repeated; several processes may share the results, each with students or seeds of its
own. DATA holds ``cifar10/train_*.webp`` or Python's ``cifar-10-batches-py``. Without
--data_dir the program runs on scikit-learn's digits, to try it out; `--smoke` makes the
shortest of all trials.
"""

import dataclasses
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import consoles
import keras
import precisions
import tensorflow as tf
from absl import app, flags
from cifar_data import ImageBatches, Images, cifar10, digits
from compression_runs import RUNS, checked_runs
from paper_networks import build
from paper_recipes import RECIPES
from results_file import ResultsFile, seeds_of
from study import GivenTeacher, Study, table, teacher_of

STUDENTS = ("S3", "S2", "S1")
SMOKE_RUNS = ("distilled", "post_training_buckets_4bit", "quantized_2bit", "points_4bit")
SMOKE_IMAGES, SMOKE_BATCH, SMOKE_TEACHER = 50, 20, "S2"

_DATA = flags.DEFINE_string("data_dir", None, "folder with CIFAR-10")
_OUTPUT = flags.DEFINE_string("output", "cifar10_paper", "folder for checkpoints and models")
_RESULTS = flags.DEFINE_string("results", None, "results file; default OUTPUT/results.json")
_STUDENTS = flags.DEFINE_list("students", list(STUDENTS), "which students")
_RUNS = flags.DEFINE_list("runs", list(RUNS), "names of the runs to make")
_SEEDS = flags.DEFINE_list("seeds", ["1"], "seeds of each run")
_BUDGET = flags.DEFINE_float("budget", 1.0, "share of the epochs to make", lower_bound=0.0)
_RECIPE = flags.DEFINE_enum("recipe", "paper", list(RECIPES), "settings of the trainings")
_TEACHER = flags.DEFINE_string("teacher", None, "file of a trained teacher; default the paper's")
_PRECISION = precisions.flag("float32")
_THREADS = flags.DEFINE_integer("threads", 0, "threads of TensorFlow; 0 for all cores")
_SMOKE = flags.DEFINE_bool("smoke", False, "the shortest trial: few digits, S2 teaches S3")


def main(argv) -> None:
    del argv
    if _THREADS.value:
        tf.config.threading.set_intra_op_parallelism_threads(_THREADS.value)
        tf.config.threading.set_inter_op_parallelism_threads(_THREADS.value)
    console = consoles.console()
    try:
        students, runs, seeds = _chosen()
        images, source = _images()
        teacher = teacher_of(_TEACHER.value)
        file = pathlib.Path(_RESULTS.value or f"{_OUTPUT.value}/results.json")
        command = "python examples/cifar10_paper.py --data_dir=DATA --budget=BUDGET"
        results = ResultsFile(file, {"command": command, "data": source})
    except (ValueError, OSError) as error:
        sys.exit(f"cifar10_paper: {error}")
    console.print(f"Data: {source}")
    keras.mixed_precision.set_global_policy(_PRECISION.value)
    for seed in seeds:
        study = _study(images, source, teacher, seed)
        for row in study.rows(students, runs, results):
            console.print(f"{row['student']}, seed {seed}, {row['run']}: {row['accuracy']:.2f} %")
    console.print(table(results.rows))


def _chosen() -> tuple[list[str], list[str], list[int]]:
    if _SMOKE.value:
        runs = _RUNS.value if flags.FLAGS["runs"].present else SMOKE_RUNS
        return ["S3"], checked_runs(runs), [1]
    unknown = [name for name in _STUDENTS.value if name not in STUDENTS]
    if unknown:
        raise ValueError(f"--students: no {unknown[0]!r}; there are {', '.join(STUDENTS)}")
    return _STUDENTS.value, checked_runs(_RUNS.value), seeds_of(_SEEDS.value)


def _images() -> tuple[Images, str]:
    if _SMOKE.value:
        return Images(*(part[:SMOKE_IMAGES] for part in digits())), "a few of the digits"
    if _DATA.value is None:
        return digits(), "scikit-learn's digits, enlarged to 32x32"
    return cifar10(pathlib.Path(_DATA.value)), "CIFAR-10"


def _study(images: Images, source: str, teacher: GivenTeacher | None, seed: int) -> Study:
    """The comparisons of one seed."""
    recipe = RECIPES[_RECIPE.value](0.0 if _SMOKE.value else _BUDGET.value)
    if _SMOKE.value:
        recipe = dataclasses.replace(recipe, batch=SMOKE_BATCH)
    try:
        data = ImageBatches(images, seed, recipe.shift, recipe.batch)
    except ValueError as error:
        sys.exit(f"cifar10_paper: {error}")

    def network(name: str, dropout: bool) -> keras.Model:
        small = _SMOKE.value and name == "teacher"
        return build(SMOKE_TEACHER if small else name, recipe.weight_decay, dropout)

    trainer, folder = recipe.trainer(data, seed), pathlib.Path(_OUTPUT.value)
    return Study(network, recipe, trainer, data.test(), folder, teacher, {"data": source})


if __name__ == "__main__":
    app.run(main)
