"""Time of a training step: tfqd's weights and activations, tfmot's 8-bit QAT, float.

    python benchmarks/tfmot_step_time.py --output benchmarks/results/tfmot_step_time.json
    python benchmarks/tfmot_step_time.py --models=resnet8 --batch=128 \
        --output benchmarks/results/integer_step_time.json

Models of tf_keras: MobileNetV2 on 96x96x3 images and ResNet-20 on 32x32x3 images, SGD with
momentum, no XLA. Each round runs one step of every variant in turn; the figures
are medians over rounds of the ratio to the float step, and to tfmot's step, of
its round: of the time that passed, and of the processor time of all threads,
which other work on the machine disturbs less. tfmot quantizes weights and
activations; beside it stands tfqd with tfmot's activation quantizers too. ResNet-8 on
32x32x3 images is trained with `tfqd.Activations`, of tf_keras and of Keras 3.
"""

import json
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras
from absl import app, flags
from resnet import resnet20
from rich.progress import track

import tfqd

ROOT = pathlib.Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "export"))

import mlperf_tiny  # noqa: E402

_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; printed anyway.")
_ROUNDS = flags.DEFINE_integer("rounds", 20, "Counted rounds, after 3 to warm up.")
_BATCH = flags.DEFINE_integer("batch", 16, "Images a step.")
_XLA = flags.DEFINE_bool("xla", False, "Whether Keras 3 compiles its steps by XLA.")
_MODELS = flags.DEFINE_list("models", ["resnet20", "mobilenet_v2"], "Those and resnet8.")

WARM_UP = 3
CLASSES = 10


def mobilenet_v2() -> tf_keras.Model:
    """MobileNetV2 of width 1 for 96x96 images."""
    return tf_keras.applications.MobileNetV2((96, 96, 3), weights=None, classes=CLASSES)


def resnet() -> tf_keras.Model:
    """ResNet-20 with probabilities as its outputs."""
    logits = tfqd.to_tf_keras(resnet20())
    return tf_keras.Model(logits.input, tf_keras.layers.Softmax()(logits.output))


def resnet8() -> tf_keras.Model:
    """MLPerf Tiny's ResNet-8."""
    return mlperf_tiny.resnet8(tf_keras)


BUILDERS = {"resnet20": resnet, "mobilenet_v2": mobilenet_v2, "resnet8": resnet8}
CLOCKS = {"time": time.perf_counter, "processor": time.process_time}


def variants(model: tf_keras.Model) -> dict[str, tf_keras.Model]:
    """The model and its quantized forms, by name."""
    return {
        "float": model,
        "tfmot 8 bit": tfmot.quantization.keras.quantize_model(model),
        "uniform 4 bit": tfqd.quantize_model(model, tfqd.Uniform(bits=4)),
        "codebook 4 bit": tfqd.quantize_model(model, tfqd.Codebook(bits=4)),
        "deployable 8 bit and tfmot's activations": tfqd.quantize_model(
            model, tfqd.presets.deployable(8), activations="tfmot"
        ),
    }


def integer_variants(x: np.ndarray) -> dict[str, keras.Model]:
    """ResNet-8 of Keras 3, and with weights and activations of 8 bits, calibrated on images."""
    models = {"float, Keras 3": mlperf_tiny.resnet8(keras)}
    for name, kind in (("tf_keras", tf_keras), ("Keras 3", keras)):
        model = tfqd.quantize_model(
            mlperf_tiny.resnet8(kind), tfqd.presets.deployable(8), activations=tfqd.Activations()
        )
        tfqd.calibrate(model, x)
        models[f"deployable 8 bit and activations, {name}"] = model
    return models


def measure(name: str, rounds: int, batch: int) -> dict:
    """Median seconds a step, and the median ratios, of every variant by both clocks."""
    model = BUILDERS[name]()
    rng = np.random.default_rng(0)
    x = rng.random((batch, *model.input_shape[1:]), np.float32)
    y = rng.integers(0, CLASSES, batch)
    models = variants(model)
    if name == "resnet8":
        models |= integer_variants(x)
    for each in models.values():
        of_keras3 = isinstance(each, keras.Model)
        kind, options = (keras, {"jit_compile": False}) if of_keras3 else (tf_keras, {})
        optimizer = kind.optimizers.SGD(0.01, 0.9)
        each.compile(optimizer, "sparse_categorical_crossentropy", **options)
    seconds = {name: [] for name in models}
    for _ in track(range(rounds + WARM_UP), description=model.name):
        for name, each in models.items():
            start = readings()
            each.train_on_batch(x, y)
            seconds[name].append(readings() - start)
    counted = {name: np.array(times[WARM_UP:]) for name, times in seconds.items()}
    return {
        name: {
            "median_seconds": medians(times),
            "median_ratio_to_float": medians(times / counted["float"]),
            "median_ratio_to_tfmot": medians(times / counted["tfmot 8 bit"]),
        }
        for name, times in counted.items()
    }


def readings() -> np.ndarray:
    """Seconds on each of `CLOCKS`."""
    return np.array([clock() for clock in CLOCKS.values()])


def medians(figures: np.ndarray) -> dict[str, float]:
    """Medians over rounds of [rounds, clocks], by clock."""
    return dict(zip(CLOCKS, np.median(figures, axis=0).round(4).tolist(), strict=True))


def main(_) -> None:
    tf_keras.utils.set_random_seed(0)
    results = {"batch": _BATCH.value, "rounds": _ROUNDS.value}
    for name in _MODELS.value:
        results[name] = measure(name, _ROUNDS.value, _BATCH.value)
        if _OUTPUT.value:
            pathlib.Path(_OUTPUT.value).write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    app.run(main)
