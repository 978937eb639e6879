"""Time of a distillation step, over its parts and over Keras' own Distiller.

    python benchmarks/distiller_time.py --output benchmarks/results/distiller_time.json

Teacher ResNet-20 of width 16, student of width 8 (features: both 16), 32x32x3 images, batch
128, SGD with momentum, no XLA. Each round runs one step of every variant in
turn; a figure is the median over rounds of a ratio taken within the round:

* overhead: a `tfqd.Distiller` step over the teacher's forward pass plus the
  student's own training step, for a float and for a 4-bit student;
* features: a step of ``keras.distillation.Distiller`` over one of
  `tfqd.Distiller`, both with a loss on logits and one on features.
"""

import json
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags
from resnet import resnet20
from rich.progress import track

import tfqd

_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; printed anyway.")
_ROUNDS = flags.DEFINE_integer("rounds", 40, "Counted rounds, after 5 to warm up.")

BATCH = 128
FEATURE = "features"


def steps() -> dict:
    """What is timed: a function of a batch for each variant."""
    teacher = resnet20(16)
    student = resnet20(8)
    quantized = tfqd.quantize_model(student, tfqd.Uniform(bits=4))
    twins = {name: resnet20(16) for name in ("keras", "tfqd")}
    losses = [
        tfqd.distillation.LogitsDistillation(2.0),
        keras.distillation.FeatureDistillation("mse", FEATURE, FEATURE),
    ]
    models = {
        "float student": student,
        "quantized student": quantized,
        "distiller, float student": tfqd.Distiller(teacher, _copy(student)),
        "distiller, quantized student": tfqd.Distiller(
            teacher, tfqd.quantize_model(student, tfqd.Uniform(bits=4))
        ),
        "tfqd, features": tfqd.Distiller(teacher, twins["tfqd"], losses),
        "keras, features": keras.distillation.Distiller(teacher, twins["keras"], losses),
    }
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for model in models.values():
        model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss, jit_compile=False)
    forward = tf.function(lambda x: teacher(x, training=False), jit_compile=False)
    timed = {"teacher": lambda x, y: forward(x)}
    timed |= {name: model.train_on_batch for name, model in models.items()}
    return timed


def _copy(model: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def measure(rounds: int) -> dict:
    """Median seconds of every variant, and the median ratios."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.random((BATCH, 32, 32, 3), np.float32))
    y = tf.constant(rng.integers(0, 10, BATCH))
    timed = steps()
    seconds = {name: [] for name in timed}
    for _ in track(range(rounds + 5), description="distiller"):
        for name, step in timed.items():
            start = time.perf_counter()
            step(x, y)
            seconds[name].append(time.perf_counter() - start)
    taken = {name: np.array(each[5:]) for name, each in seconds.items()}
    ratios = {
        f"overhead, {kind} student": taken[f"distiller, {kind} student"]
        / (taken["teacher"] + taken[f"{kind} student"])
        for kind in ("float", "quantized")
    }
    ratios["features, keras over tfqd"] = taken["keras, features"] / taken["tfqd, features"]
    return {
        "rounds": rounds,
        "seconds": {name: round(float(np.median(each)), 4) for name, each in taken.items()},
        "ratios": {name: round(float(np.median(each)), 3) for name, each in ratios.items()},
    }


def main(argv) -> None:
    del argv
    results = json.dumps(measure(_ROUNDS.value), indent=1)
    print(results)
    if _OUTPUT.value:
        pathlib.Path(_OUTPUT.value).write_text(results + "\n")


if __name__ == "__main__":
    app.run(main)
