"""Time of a training step, quantized over float, interleaved in one run.

    python benchmarks/step_time.py --output benchmarks/results/step_time.json

Models: ResNet-20 on 32x32x3 images and a 10-million-weight MLP, batch 128, SGD
with momentum, no XLA. Each round runs one step of every variant in turn; the
figure is the median over rounds of the ratio to the float step of its round.
"""

import json
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from absl import app, flags
from resnet import resnet20
from rich.progress import track

import tfqd

_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; printed anyway.")
_ROUNDS = flags.DEFINE_integer("rounds", 40, "Counted rounds, after 5 to warm up.")

BATCH = 128
SPECS = {
    "uniform 4 bit": tfqd.Uniform(bits=4),
    "codebook 4 bit": tfqd.Codebook(bits=4),
    "deployable 4 bit": tfqd.presets.deployable(4),
    "entropy-constrained 4 bit": tfqd.EntropyConstrained(bits=4),
    "entropy-constrained points 4 bit": tfqd.EntropyCodebook(bits=4),
}


def mlp() -> keras.Model:
    """784-2048-2048-2048-10: 10 million weights."""
    layers = keras.layers
    hidden = [layers.Dense(2048, activation="relu") for _ in range(3)]
    return keras.Sequential([keras.Input((784,)), *hidden, layers.Dense(10)], name="mlp")


def measure(model: keras.Model, rounds: int) -> dict:
    """Median seconds a step, and the median ratio to float, of every variant."""
    variants = {"float": model}
    variants |= {name: tfqd.quantize_model(model, spec) for name, spec in SPECS.items()}
    rng = np.random.default_rng(0)
    x = rng.random((BATCH, *model.input_shape[1:]), np.float32)
    y = rng.integers(0, 10, BATCH)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for variant in variants.values():
        variant.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss, jit_compile=False)
    seconds = {name: [] for name in variants}
    for _ in track(range(rounds + 5), description=model.name):
        for name, variant in variants.items():
            start = time.perf_counter()
            variant.train_on_batch(x, y)
            seconds[name].append(time.perf_counter() - start)
    counted = {name: np.array(times[5:]) for name, times in seconds.items()}
    return {
        name: {
            "median_seconds": round(float(np.median(times)), 5),
            "median_ratio": round(float(np.median(times / counted["float"])), 4),
        }
        for name, times in counted.items()
    }


def main(_) -> None:
    keras.utils.set_random_seed(0)
    results = {build.__name__: measure(build(), _ROUNDS.value) for build in (resnet20, mlp)}
    text = json.dumps({"batch": BATCH, "rounds": _ROUNDS.value, **results}, indent=1)
    print(text)
    if _OUTPUT.value:
        pathlib.Path(_OUTPUT.value).write_text(text + "\n")


if __name__ == "__main__":
    app.run(main)
