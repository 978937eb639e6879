"""Peak memory of quantizing one tensor, forward and backward, over its size.

    python benchmarks/quantize_memory.py --output benchmarks/results/quantize_memory.json

Each measurement is a process of its own, which runs one compiled step: it
quantizes a tensor of N float32 weights to 16 levels and takes the gradients, of what is
trained beside it too, all kept; the figure is the growth of the process's peak resident
memory over its level with TensorFlow loaded and a small tensor quantized, divided by 4 N
bytes. The tensor itself counts as 1. Buckets are those of the specs as they come: 256
weights of the uniform grid and the codebook, the tensor of the others.
"""

import json
import os
import pathlib
import resource
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags
from rich.progress import track

METHODS = ("uniform", "codebook", "entropy_constrained", "entropy_codebook")
SIZES = (10**7, 10**8)

_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; printed anyway.")
_WEIGHTS = flags.DEFINE_integer("weights", None, "Measure this many weights, in this process.")
_METHOD = flags.DEFINE_enum("method", METHODS[0], METHODS, "What to measure.")


def quantize(count: int, method: str) -> None:
    """Quantizes `count` weights with their gradients."""
    import keras
    import tensorflow as tf

    from tfqd.quantizers import quantizer_for
    from tfqd.spec import from_dict

    quantizer = quantizer_for(from_dict({"kind": method, "bits": 4}))
    weights = tf.random.stateless_normal([count], [0, 1])
    layer = keras.layers.Layer()
    state = quantizer.build(weights.shape, "weights", layer)
    trained = [weights, *(variable.value for variable in layer.trainable_weights)]

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            tape.watch(trained)
            quantized = quantizer(weights, True, state)
        return quantized, tape.gradient(quantized, trained, quantized)

    step.get_concrete_function()
    step()


def measure_here(count: int, method: str) -> dict:
    """The figure of one method and size, taken in this process."""
    quantize(1000, method)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    quantize(count, method)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "method": method,
        "weights": count,
        "peak_over_tensor": round(grown * 1024 / (4 * count), 2),
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
    cases = [(count, method) for method in METHODS for count in SIZES]
    text = json.dumps([measure_apart(*case) for case in track(cases)], indent=1)
    print(text)
    if _OUTPUT.value:
        pathlib.Path(_OUTPUT.value).write_text(text + "\n")


if __name__ == "__main__":
    app.run(main)
