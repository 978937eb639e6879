"""Peak memory of quantizing one tensor, forward and backward, over its size.

    python benchmarks/quantize_memory.py --output benchmarks/results/quantize_memory.json

Each measurement is a process of its own, which runs one compiled step: it
quantizes a tensor of N float32 weights and takes the gradient, both kept; the
figure is the growth of the process's peak resident memory over its level with
TensorFlow loaded and a small tensor quantized, divided by 4 N bytes. The tensor
itself counts as 1.
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags
from rich.progress import track

_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; printed anyway.")
_WEIGHTS = flags.DEFINE_integer("weights", None, "Measure this many weights, in this process.")
_METHOD = flags.DEFINE_enum("method", "uniform", ["uniform", "codebook"], "What to measure.")

SIZES = (10**7, 10**8)


def quantize(count: int, method: str) -> float:
    """Quantizes `count` weights with their gradient; the seconds it took."""
    import tensorflow as tf

    from tfqd import ops
    from tfqd.spec.bucketing import Bucketing

    bucketing = Bucketing((count,))
    weights = tf.random.stateless_normal([count], [0, 1])
    points = tf.constant(ops.uniform_points(16))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            tape.watch([weights, points])
            if method == "uniform":
                quantized = ops.uniform(weights, bucketing, levels=16)
            else:
                quantized = ops.codebook(weights, points, bucketing, training=True)
        gradients = tape.gradient(quantized, [weights, points], quantized)
        return quantized, [gradient for gradient in gradients if gradient is not None]

    step.get_concrete_function()
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def measure_here(count: int, method: str) -> dict:
    """The figures of one method and size, taken in this process."""
    quantize(1000, method)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = quantize(count, method)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "method": method,
        "weights": count,
        "peak_over_tensor": round(grown * 1024 / (4 * count), 2),
        "nanoseconds_per_weight": round(1e9 * seconds / count, 2),
    }


def measure_apart(count: int, method: str) -> dict:
    """The same, in a process of its own."""
    command = [sys.executable, __file__, f"--weights={count}", f"--method={method}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main(_) -> None:
    if _WEIGHTS.value:
        print(json.dumps(measure_here(_WEIGHTS.value, _METHOD.value)))
        return
    cases = [(count, method) for method in ("uniform", "codebook") for count in SIZES]
    text = json.dumps([measure_apart(*case) for case in track(cases)], indent=1)
    print(text)
    if _OUTPUT.value:
        pathlib.Path(_OUTPUT.value).write_text(text + "\n")


if __name__ == "__main__":
    app.run(main)
