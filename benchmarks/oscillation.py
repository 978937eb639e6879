"""What dampening and freezing of oscillating weights do, on scikit-learn's digits.

    python benchmarks/oscillation.py --output benchmarks/results/oscillation.json

A small network of depthwise-separable convolutions with BatchNormalization is
trained in float and then with learned steps of few bits (SGD with momentum, whose
rate comes down as half a wave of a cosine) on 1,347 of the 1,797 images, in four
ways that start from the same weights: plainly, dampened, frozen, and both. Each
figure is the mean over the seeds, with the standard deviation.

    oscillating    share of the weights whose frequency of oscillation, as tfqd
                   counts it, is above 0.005 at the end; frozen weights count as not
    flips          share of the weights that changed their code in the last epoch
    accuracy       on the other 450 images, with the BatchNormalization statistics
                   of training
    reestimated    the same with those of `reestimate_batch_norm`
    time           processor time of the training, over the plain one of its seed
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
from rich.progress import track
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import tfqd

_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; printed anyway.")
_SEEDS = flags.DEFINE_integer("seeds", 3, "Seeds.")
_EPOCHS = flags.DEFINE_integer("epochs", 12, "Epochs of quantized training.")
_BITS = flags.DEFINE_list("bits", ["2", "3"], "Bits to train with.")
_STRENGTH = flags.DEFINE_float("strength", 0.01, "Of the dampening, in the last epoch.")
_ABOVE = flags.DEFINE_float("freeze_above", 0.02, "Frequency above which weights are frozen.")
_RATE = flags.DEFINE_float("rate", 0.02, "Learning rate of quantized training at the start.")

BATCH = 32
OSCILLATES = 0.005
WAYS = {
    "plain": (False, False),
    "dampened": (True, False),
    "frozen": (False, True),
    "dampened and frozen": (True, True),
}


def digits() -> tuple[np.ndarray, ...]:
    """Images and labels for training, then for the test."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype("float32").reshape(-1, 8, 8, 1)
    x, x_test, y, y_test = train_test_split(images, labels, test_size=450, random_state=0)
    return x, y, x_test, y_test


def network() -> keras.Model:
    """A convolution and two depthwise-separable ones: 2,400 weights in kernels."""
    layers = keras.layers

    def normalized(*parts):
        return [*parts, layers.BatchNormalization(), layers.ReLU()]

    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            *normalized(layers.Conv2D(16, 3, padding="same", use_bias=False)),
            *normalized(layers.DepthwiseConv2D(3, padding="same", use_bias=False)),
            *normalized(layers.Conv2D(32, 1, use_bias=False)),
            *normalized(layers.DepthwiseConv2D(3, 2, padding="same", use_bias=False)),
            *normalized(layers.Conv2D(32, 1, use_bias=False)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10),
        ]
    )


def fit(model: keras.Model, x, y, rate: float, epochs: int, callbacks=()) -> dict:
    """Trains with SGD; the history."""
    schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * -(-len(x) // BATCH))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(schedule, momentum=0.9), loss, metrics=["accuracy"])
    return model.fit(x, y, BATCH, epochs, verbose=0, callbacks=list(callbacks)).history


def run(trained: keras.Model, data, bits: int, way: str) -> dict:
    """One quantized training from a trained float model."""
    x, y, x_test, y_test = data
    dampens, freezes = WAYS[way]
    # A frequency never exceeds 1: it is observed, and nothing is frozen.
    above = _ABOVE.value if freezes else 1.0
    model = tfqd.quantize_model(trained, tfqd.LearnedStep(bits=bits, freeze_above=above))
    callbacks = [tfqd.callbacks.DampenOscillations(_STRENGTH.value)] if dampens else []
    if freezes:
        callbacks.append(tfqd.callbacks.FreezeOscillations(max(0.1, above)))
    start = time.process_time()
    history = fit(model, x, y, _RATE.value, _EPOCHS.value, [*callbacks, tfqd.callbacks.CodeFlips()])
    seconds = time.process_time() - start
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
    tfqd.callbacks.reestimate_batch_norm(model, x)
    frequencies = np.concatenate(
        [
            tf.reshape(tf.where(entry.held_codes, 0.0, entry.state["frequency"]), [-1])
            for entry in model.quantized_variables
        ]
    )
    return {
        "accuracy": accuracy,
        "reestimated": model.evaluate(x_test, y_test, verbose=0)[1],
        "flips": history["code_flips"][-1],
        "oscillating": float(np.mean(frequencies > OSCILLATES)),
        "frozen": history["frozen_codes"][-1],
        "seconds": seconds,
    }


def measure(data, bits: int, seed: int) -> dict[str, dict]:
    """All ways from the float model of one seed."""
    keras.utils.set_random_seed(seed)
    trained = network()
    fit(trained, *data[:2], 0.05, 10)
    found = {"float": {"accuracy": trained.evaluate(*data[2:], verbose=0)[1]}}
    for way in WAYS:
        keras.utils.set_random_seed(seed)
        found[way] = run(trained, data, bits, way)
    plain = found["plain"]["seconds"]
    for way in WAYS:
        found[way]["time"] = found[way].pop("seconds") / plain
    return found


def summary(runs: list[dict]) -> dict:
    """Mean and standard deviation of each figure."""
    return {
        name: [round(float(of([each[name] for each in runs])), 4) for of in (np.mean, np.std)]
        for name in runs[0]
    }


def main(_) -> None:
    data, results = digits(), {}
    for bits in map(int, _BITS.value):
        seeds = [measure(data, bits, seed) for seed in track(range(_SEEDS.value))]
        results[f"{bits} bit"] = {way: summary([each[way] for each in seeds]) for way in seeds[0]}
    settings = {name: flags.FLAGS[name].value for name in ("seeds", "epochs", "rate", "strength")}
    text = json.dumps({**settings, "freeze_above": _ABOVE.value, **results}, indent=1)
    print(text)
    if _OUTPUT.value:
        pathlib.Path(_OUTPUT.value).write_text(text + "\n")


if __name__ == "__main__":
    app.run(main)
