"""Time of quantizing one tensor with a codebook, forward and backward, over the uniform grid's.

    python benchmarks/quantize_time.py --output benchmarks/results/quantize_time.json

One compiled step quantizes N float32 weights at 16 levels and takes the gradients.
Each round runs the step of both methods in turn, after three to warm up; the figure
is the median over rounds of the ratio of processor time, all threads together.
"""

import json
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from absl import app, flags
from rich.progress import track

from tfqd import ops
from tfqd.spec.bucketing import Bucketing

_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; printed anyway.")
_ROUNDS = flags.DEFINE_integer("rounds", 20, "Counted rounds, after 3 to warm up.")

LEVELS = 16
CASES = {
    "flat, buckets of 256": Bucketing((10**7,)),
    "flat, one bucket": Bucketing((10**7,), None),
    "channel": Bucketing((2500, 4000), None, "channel"),
}


def step_of(method: str, bucketing: Bucketing):
    """A compiled step, without arguments, that quantizes and takes the gradients."""
    weights = tf.random.stateless_normal(bucketing.shape, [0, 1])
    points = tf.constant(ops.uniform_points(LEVELS))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            tape.watch([weights, points])
            if method == "uniform":
                quantized = ops.uniform(weights, bucketing, LEVELS)
            else:
                quantized = ops.codebook(weights, points, bucketing, training=True)
        gradients = tape.gradient(quantized, [weights, points], quantized)
        return quantized, [gradient for gradient in gradients if gradient is not None]

    return step


def measure(bucketing: Bucketing, rounds: int) -> dict:
    """Median nanoseconds a weight of both methods, and the median ratio."""
    steps = {method: step_of(method, bucketing) for method in ("uniform", "codebook")}
    seconds = {method: [] for method in steps}
    for _ in track(range(rounds + 3)):
        for method, step in steps.items():
            start = time.process_time()
            step()
            seconds[method].append(time.process_time() - start)
    counted = {method: np.array(times[3:]) for method, times in seconds.items()}
    result = {
        f"{method}_nanoseconds_per_weight": round(1e9 * float(np.median(times)) / bucketing.size, 2)
        for method, times in counted.items()
    }
    ratio = float(np.median(counted["codebook"] / counted["uniform"]))
    return {**result, "codebook_over_uniform": round(ratio, 2)}


def main(_) -> None:
    results = {name: measure(bucketing, _ROUNDS.value) for name, bucketing in CASES.items()}
    text = json.dumps({"levels": LEVELS, "rounds": _ROUNDS.value, **results}, indent=1)
    print(text)
    if _OUTPUT.value:
        pathlib.Path(_OUTPUT.value).write_text(text + "\n")


if __name__ == "__main__":
    app.run(main)
