"""The paper's ImageNet experiment: ResNet-34 teaches a ResNet-18 of twice the width, at 4 bits.

    python examples/imagenet_resnet.py --data_dir=RECORDS --devices=8 --runs=quantized_4bit

The student has 45,693,032 parameters, the paper's "2xResNet18"; its first kernel and its last
bias stay float. 90 epochs from rate 0.1, a tenth of it after each 30, random crops and flips
(the paper's code also changed colours), mixed precision. The teacher is trained here too, or
given by `--teacher=FILE`, a Keras model for images from 0 to 255 that answers with logits; it
runs beside the student, since its answers to 90 epochs would fill 460 GB.

RECORDS holds the TFRecords of the usual conversion of ImageNet, ``train-*`` and
``validation-*``. A run goes on from its last whole epoch; `--devices=N` trains on N GPUs, and
`--several_machines` by `MultiWorkerMirroredStrategy`, where Keras can (Keras 3.15 cannot:
`docs/distillation.md`). `--cost` works out what a step takes. `--smoke` makes records of
random images, and the shortest of all trials.
"""

import dataclasses
import math
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import consoles
import devices
import keras
import precisions
from absl import app, flags
from compression_runs import checked_runs
from imagenet_data import Records, write_random
from learning_rates import Steps
from paper_recipes import Recipe, paper, with_float_ends
from residual_networks import multiplications, resnet
from results_file import ResultsFile
from study import Study, table, teacher_of
from trainings import Training

_DATA = flags.DEFINE_string("data_dir", None, "folder with the TFRecords")
_IMAGES = flags.DEFINE_integer("images", 1_281_167, "number of training images", lower_bound=1)
_TEACHER = flags.DEFINE_string("teacher", None, "file of a trained teacher; default trained here")
_OUTPUT = flags.DEFINE_string("output", "imagenet_resnet", "folder for checkpoints and models")
_RESULTS = flags.DEFINE_string("results", None, "results file; default OUTPUT/results.json")
_RUNS = flags.DEFINE_list("runs", ["distilled", "quantized_4bit"], "names of the runs to make")
_SEED = flags.DEFINE_integer("seed", 1, "seed of all runs", lower_bound=0)
_BATCH = flags.DEFINE_integer("batch", 256, "images a step, over all devices", lower_bound=1)
_BUDGET = flags.DEFINE_float("budget", 1.0, "share of the 90 epochs to make", lower_bound=0.0)
_PRECISION = precisions.flag("mixed_bfloat16")
_COST = flags.DEFINE_bool("cost", False, "say what a step takes, and train nothing")
_SMOKE = flags.DEFINE_bool("smoke", False, "the shortest trial: random images, tiny networks")


@dataclasses.dataclass(frozen=True)
class Scale:
    """How large everything is."""

    teacher: tuple[int, ...] = (3, 4, 6, 3)
    student: tuple[int, ...] = (2, 2, 2, 2)
    filters: int = 64
    classes: int = 1000
    side: int = 224

    @property
    def described(self) -> str:
        """The networks, in words for the results."""
        networks = f"blocks {self.teacher} to {self.student}, {self.filters} filters"
        return f"{networks}, {self.classes} classes, {self.side} pixels"


def main(argv) -> None:
    del argv
    console = consoles.console()
    if _COST.value:
        console.print(_cost(Scale(), _BATCH.value), soft_wrap=True)
        return
    try:
        strategy = devices.strategy()
        scale = _smoke_scale() if _SMOKE.value else Scale()
        devices.check_batch(_BATCH.value, strategy)
        runs = checked_runs(_RUNS.value)
        data = _records(scale.side)
        path = pathlib.Path(_RESULTS.value or f"{_OUTPUT.value}/results.json")
        command = "python examples/imagenet_resnet.py"
        results = ResultsFile(path, {"command": command, "data": data.described})
        teacher = teacher_of(_TEACHER.value)
    except (ValueError, OSError) as error:
        sys.exit(f"imagenet_resnet: {error}")
    keras.mixed_precision.set_global_policy(_PRECISION.value)
    recipe = imagenet(_BUDGET.value, _BATCH.value)

    def build(name: str, dropout: bool) -> keras.Model:
        del dropout  # they have none
        return _network(name, scale, recipe.weight_decay)

    trainer = dataclasses.replace(recipe.trainer(data, _SEED.value), strategy=strategy)
    output = pathlib.Path(_OUTPUT.value)
    facts = {"data": data.described, "networks": scale.described}
    study = Study(build, recipe, trainer, data.held_out(), output, teacher, facts)
    for row in study.rows(["student"], runs, results):
        console.print(f"{row['student']}, {row['run']}: {row['accuracy']:.2f} %")
    console.print(table(results.rows))


def _network(name: str, scale: Scale, weight_decay: float) -> keras.Model:
    blocks, filters = scale.teacher, scale.filters
    if name == "student":
        blocks, filters = scale.student, 2 * scale.filters
    return resnet(blocks, filters, scale.classes, weight_decay, scale.side)


def _cost(scale: Scale, batch: int) -> str:
    """Operations and memory of a step: the teacher's forward pass, the student's three."""
    teacher, student = (_network(name, scale, 0.0) for name in ("teacher", "student"))
    operations = 2 * batch * (multiplications(teacher) + 3 * multiplications(student))
    outputs = sum(math.prod(layer.output.shape[1:]) for layer in student.layers)
    # The float weights, the quantized ones, their gradients, the momentum; the teacher's.
    weights = 4 * (4 * student.count_params() + teacher.count_params())
    return (
        f"{batch} images: {operations / 1e12:.1f} TFLOP a step; {weights / 1e9:.2f} GB of weights, "
        f"gradients and momentum; {2 * batch * outputs / 1e9:.1f} GB for the outputs of all the "
        "student's layers in 16 bits, of which a compiler keeps a part"
    )


def _smoke_scale() -> Scale:
    """Writes a few records, and says how large networks for these are."""
    values = flags.FLAGS
    values.data_dir = str(pathlib.Path(_OUTPUT.value, "records"))
    values.images, values.batch, values.budget = 16, 8, 0.0
    write_random(pathlib.Path(values.data_dir), {"train": 16, "validation": 8})
    return Scale((1, 1), (1, 1), filters=4, classes=10, side=32)


def _records(side: int) -> Records:
    if _DATA.value is None:
        raise ValueError("--data_dir must be given: ImageNet is not downloaded")
    return Records(pathlib.Path(_DATA.value), _IMAGES.value, _BATCH.value, _SEED.value, side)


def imagenet(budget: float, batch: int) -> Recipe:
    """The paper's settings for ImageNet.

    Args:
        budget: the share of its 90 epochs to make.
        batch: images a step.
    """
    small = with_float_ends(paper(budget))
    epochs = max(1, round(90 * budget))
    steps = Steps((round(30 * budget), round(60 * budget)), 0.1)
    return dataclasses.replace(
        small,
        name="imagenet",
        batch=batch,
        weight_decay=1e-4,
        float=Training(epochs, 0.1, steps),
        weights_training=Training(epochs, 0.1, steps),
        cache=False,
    )


if __name__ == "__main__":
    app.run(main)
