"""ResNet-8 on CIFAR-10, trained with integer weights and activations, to its TFLite file.

    python examples/cifar10_integer.py --data_dir=DATA --epochs=4
    python examples/cifar10_integer.py --data_dir=DATA --epochs=2 --tool=tfmot
    python examples/cifar10_integer.py --smoke

A trained float ResNet-8 gets ranges for its activations (`tfqd.calibrate`), trains on with
weights and activations as integers, on labels alone, and has its BatchNormalization statistics
measured anew. The file of integers is then run on all test images, beside the model that it was
made from and the float one (`tfqd.evaluate`). With --tool=tfmot it is tfmot's own 8-bit training of
the same network in tf_keras, on the same images in the same order, that is measured. A model
that OUTPUT has is not trained again.

DATA is what `cifar10_resnet8.py` takes; without --data_dir the program runs on scikit-learn's
digits, and --smoke takes a few steps of them.
"""

import gzip
import json
import os
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from absl import app, flags
from norm_batches import NORM_BATCHES
from resnet8_data import BATCH, Images, batches, load

import tfqd
from tfqd.callbacks import BitSchedule, reestimate_batch_norm

CALIBRATION_IMAGES = 512
SHIFT = 1

_DATA = flags.DEFINE_string("data_dir", None, "folder with CIFAR-10 and the trained ResNet-8")
_OUTPUT = flags.DEFINE_string("output", "cifar10_integer", "folder for the models")
_EPOCHS = flags.DEFINE_integer("epochs", 4, "epochs of training", lower_bound=1)
_WEIGHTS = flags.DEFINE_integer("weight_bits", 8, "bits of the weights", 2, 8)
_ACTIVATIONS = flags.DEFINE_integer("activation_bits", 8, "bits after ReLUs; 16 of all", 2, 16)
_EARLY = flags.DEFINE_integer("early_bits", None, "the same in the first half of training", 2, 8)
_RATE = flags.DEFINE_float("learning_rate", 1e-3, "of Adam, which falls to 0 by a cosine")
_SEED = flags.DEFINE_integer("seed", 0, "of the order of images and how they are moved")
_TOOL = flags.DEFINE_enum("tool", "tfqd", ["tfqd", "tfmot"], "whose training and file")
_SMOKE = flags.DEFINE_bool("smoke", False, "a few steps on the digits, to try the program out")


def main(argv) -> None:
    del argv
    make = with_tfmot if _TOOL.value == "tfmot" else with_tfqd
    if _TOOL.value == "tfmot" and (_WEIGHTS.value, _ACTIVATIONS.value) != (8, 8):
        sys.exit("cifar10_integer: --tool=tfmot has 8 bits, of weights and of activations")
    if _EARLY.value and _EPOCHS.value < 2:
        sys.exit("cifar10_integer: --early_bits needs --epochs of 2 or more")
    try:
        images, model, source = load(None if _SMOKE.value else _DATA.value)
    except (ValueError, OSError) as error:
        sys.exit(f"cifar10_integer: {error}")
    print(f"Data: {source}; {len(images.x_train)} to train, {len(images.x_test)} to measure on")
    keras.utils.set_random_seed(_SEED.value)
    start = time.perf_counter()
    output = pathlib.Path(_OUTPUT.value)
    output.mkdir(parents=True, exist_ok=True)
    integer, file = make(model, images, output)
    data = images.x_test.astype(np.float32), images.y_test
    forms = {"float": model, "model": integer, "file": file}
    found = tfqd.evaluate(forms, data, efficiency=False)
    print(found)
    row = {
        "tool": _TOOL.value,
        "weight_bits": _WEIGHTS.value,
        "activation_bits": _ACTIVATIONS.value,
        "early_bits": _EARLY.value,
        "epochs": _EPOCHS.value,
        "seed": _SEED.value,
        **{form: round(100 * found.values[form]["accuracy"], 2) for form in forms},
        "bytes": file.stat().st_size,
        "bytes after gzip": len(gzip.compress(file.read_bytes())),
        "seconds": round(time.perf_counter() - start),
    }
    print(json.dumps(row))
    row["evaluation"] = found.to_dict()
    file.with_suffix(".json").write_text(json.dumps(row, indent=1) + "\n")


def with_tfqd(
    model: keras.Model, images: Images, output: pathlib.Path
) -> tuple[keras.Model, pathlib.Path]:
    """The trained model of integers, and its file."""
    early = f"_early{_EARLY.value}" if _EARLY.value else ""
    bits = f"w{_WEIGHTS.value}a{_ACTIVATIONS.value}{early}"
    name = f"{bits}_{_EPOCHS.value}epochs_seed{_SEED.value}"
    kept = output / f"{name}.keras"
    if kept.exists():
        print(f"{kept} is trained already")
        integer = keras.models.load_model(kept)
    else:
        integer = quantized(model, images)
        train(integer, images, keras.optimizers, _schedule())
        integer.save(kept)
    file = output / f"{name}.tflite"
    probes = images.x_test[:32].astype(np.float32)
    io_dtype = "int16" if _ACTIVATIONS.value == 16 else "int8"
    tfqd.export.tflite(integer, file, io_dtype=io_dtype, probes=probes)
    return integer, file


def with_tfmot(
    model: keras.Model, images: Images, output: pathlib.Path
) -> tuple[Any, pathlib.Path]:
    """The model as tfmot trains it, in 8 bits, and the file that TensorFlow's converter writes."""
    import tf_keras
    import tfmot_qat

    integer = tfmot_qat.quantized(model)
    train(integer, images, tf_keras.optimizers)
    file = output / f"tfmot_{_EPOCHS.value}epochs_seed{_SEED.value}.tflite"
    tfmot_qat.write(integer, file)
    return integer, file


def quantized(model: keras.Model, images: Images) -> keras.Model:
    """The model with integer weights and activations, its ranges calibrated."""
    spec = tfqd.LearnedStep(bits=_WEIGHTS.value, layout="channel")
    if _WEIGHTS.value == 8:
        spec = tfqd.presets.deployable(8)
    activations = tfqd.Activations(bits=_ACTIVATIONS.value)
    integer = tfqd.quantize_model(model, spec, activations=activations)
    chosen = np.random.default_rng(0).permutation(len(images.x_train))[:CALIBRATION_IMAGES]
    tfqd.calibrate(integer, images.x_train[chosen].astype(np.float32))
    return integer


def _schedule() -> list[BitSchedule]:
    """More bits of activations in the first half, if asked for."""
    if _EARLY.value is None:
        return []
    return [BitSchedule(activations={0: _EARLY.value, _EPOCHS.value // 2: _ACTIVATIONS.value})]


def train(integer: Any, images: Images, optimizers, callbacks: Sequence = ()) -> None:
    """Trains on labels alone, then measures BatchNormalization's statistics anew.

    Args:
        optimizers: the module of that name in the model's version of Keras.
        callbacks: of Keras.
    """
    steps = 3 if _SMOKE.value else len(images.x_train) // BATCH
    epochs = 1 if _SMOKE.value else _EPOCHS.value
    rate = optimizers.schedules.CosineDecay(_RATE.value, epochs * steps)
    integer.compile(
        optimizers.Adam(rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    stream = batches(images, _SEED.value, 0, epochs * steps, SHIFT)
    integer.fit(stream, epochs=epochs, steps_per_epoch=steps, callbacks=callbacks, verbose=2)
    reestimate_batch_norm(integer, batches(images, _SEED.value, 0, min(NORM_BATCHES, steps), SHIFT))


if __name__ == "__main__":
    app.run(main)
