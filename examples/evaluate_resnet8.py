"""One float ResNet-8 and its compressed forms, held against it on three sides.

    python examples/evaluate_resnet8.py --data_dir=DATA --epochs=1

Post-training forms of 8, 4 and 2 bits, and forms of 4 and 2 bits that were trained for a
few epochs from the float model's answers: a learned step (quantized distillation), trained
points (differentiable quantization), and a learned step with 80 % of the weights at zero.
What is printed, and written as JSON and a page, is what `tfqd.evaluate` measures of each:
performance, reliability, efficiency.

Without --data_dir the program runs on scikit-learn's digits, to try it out; `--smoke` makes
the shortest of all trials: two forms of an untrained network.
"""

import json
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import consoles
import keras
import numpy as np
from absl import app, flags
from cifar_data import Images, batches, digits
from resnet8_data import BATCH, load, resnet8

import tfqd
from tfqd.evaluation import TrainingCost

_DATA = flags.DEFINE_string("data_dir", None, "folder with CIFAR-10 and the float ResNet-8")
_OUTPUT = flags.DEFINE_string("output", "evaluate_resnet8", "folder for the JSON and the page")
_EPOCHS = flags.DEFINE_integer("epochs", 1, "epochs of each training", lower_bound=1)
_IMAGES = flags.DEFINE_integer("images", 2000, "test images to measure on", lower_bound=1)
_SMOKE = flags.DEFINE_bool("smoke", False, "the shortest trial: three steps a training")

POST_TRAINING = {f"{bits} bits": tfqd.presets.deployable(bits) for bits in (8, 4, 2)}
TRAINED = {
    "4 bits, distilled": (tfqd.LearnedStep(bits=4), None),
    "4 bits, 80 % zeros": (tfqd.LearnedStep(bits=4), 0.8),
    "2 bits, distilled": (tfqd.LearnedStep(bits=2), None),
    "2 bits, trained points": (
        tfqd.Codebook(bits=2, bucket_size=None, init="kmeans", gradient_scale="lsq"),
        None,
    ),
}


SMOKE = ("2 bits", "4 bits, 80 % zeros")


def main(argv) -> None:
    del argv
    console = consoles.console()
    try:
        images, model, source = _float_model()
    except (ValueError, OSError) as error:
        sys.exit(f"evaluate_resnet8: {error}")
    console.print(f"Data: {source}")
    chosen = SMOKE if _SMOKE.value else [*POST_TRAINING, *TRAINED]
    models = {"float": model}
    for name in (name for name in POST_TRAINING if name in chosen):
        models[name] = tfqd.quantize_model(model, POST_TRAINING[name])
    costs = {}
    for name in (name for name in TRAINED if name in chosen):
        spec, sparsity = TRAINED[name]
        console.print(f"Training: {name}")
        models[name], costs[name] = _trained(model, spec, sparsity, images)
    count, strengths = (50, [3]) if _SMOKE.value else (_IMAGES.value, True)
    # The test images may lie in the order of their classes.
    chosen_images = np.random.default_rng(0).permutation(len(images.x_test))[:count]
    data = images.x_test[chosen_images].astype("float32"), images.y_test[chosen_images]
    found = tfqd.evaluate(models, data, corruptions=strengths, training=costs, verbose=True)
    print(found)
    folder = pathlib.Path(_OUTPUT.value)
    folder.mkdir(parents=True, exist_ok=True)
    command = f"python examples/evaluate_resnet8.py --data_dir=DATA --epochs={_EPOCHS.value}"
    values = {"command": command, "data": source, **found.to_dict()}
    (folder / "evaluation.json").write_text(json.dumps(values, indent=1) + "\n")
    page = folder / "report.html"
    tfqd.html_report(models[chosen[-1]], page, title="ResNet-8", evaluation=found)
    console.print(f"Written: {folder}/evaluation.json and {page}")


def _float_model() -> tuple[Images, keras.Model, str]:
    """The images, the float model, and a word on where they come from."""
    if _SMOKE.value:
        return digits(), resnet8(), "a few of the digits, and an untrained network"
    return load(_DATA.value)


def _trained(
    teacher: keras.Model, spec: tfqd.Spec, sparsity: float | None, images: Images
) -> tuple[keras.Model, TrainingCost]:
    """A student of the float model's answers, and what its training cost."""
    keras.utils.set_random_seed(1)
    distiller = tfqd.Distiller(teacher, tfqd.quantize_model(teacher, spec))
    epochs = 1 if _SMOKE.value else _EPOCHS.value
    steps = 3 if _SMOKE.value else len(images.x_train) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * steps)
    distiller.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    statistics = batches(images, 0, 0, min(steps, 40), shift=0)
    callbacks = [] if sparsity is None else [tfqd.callbacks.Prune(sparsity)]
    callbacks.append(tfqd.callbacks.BatchNormReestimation(statistics))
    start = time.perf_counter()
    distiller.fit(
        batches(images, 1, 0, epochs * steps, shift=2),
        epochs=epochs,
        steps_per_epoch=steps,
        callbacks=callbacks,
        verbose=1,
    )
    return distiller.student, TrainingCost(epochs * steps, time.perf_counter() - start)


if __name__ == "__main__":
    app.run(main)
