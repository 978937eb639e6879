"""What points win over a grid where codes are chosen with their length in view.

    python benchmarks/trained_points.py --output=benchmarks/results/trained_points.json

20,000 normal or Laplacian weights, `tfqd.EntropyCodebook` at several bits a weight. Points start
at the grid of `tfqd.EntropyConstrained` and are trained by the squared error alone. Cost is what
codes are chosen by, squared error and length of a weight, in squares of the step.
"""

import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags
from rich.progress import track

import tfqd
from tfqd.quantizers import quantizer_for

_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; printed anyway.")

BITS = (1.0, 1.5, 2.0, 3.0)
STEPS, RATE = 150, 0.02


def weights_of(distribution: str) -> tf.Tensor:
    draw = getattr(np.random.default_rng(0), distribution)
    return tf.constant(draw(size=(200, 100)).astype(np.float32))


def costs(weights: tf.Tensor, bits: float) -> tuple[float, float]:
    """The cost on the grid, and among the trained points."""
    spec = tfqd.EntropyCodebook(average_bits=bits, bits=5, rate_weight=0.116)
    quantizer = quantizer_for(spec)
    variables = quantizer.build(weights.shape, "w", keras.layers.Layer(), lambda: weights)
    step = float(quantizer.encode(weights, variables).scale[0])

    def error(training: bool) -> tf.Tensor:
        return tf.reduce_mean(tf.square(quantizer(weights, training, variables) - weights))

    def cost() -> float:
        length = quantizer.coded_bits(weights, variables) / weights.shape.num_elements()
        return float(error(False)) / step**2 + spec.rate_weight * length

    before, points = cost(), variables["points"]
    optimizer = keras.optimizers.Adam(RATE)
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            loss = error(True)
        optimizer.apply([tape.gradient(loss, points.value)], [points])
    return before, cost()


def main(_) -> None:
    rows = []
    for distribution, bits in track([(d, b) for d in ("normal", "laplace") for b in BITS]):
        grid, points = costs(weights_of(distribution), bits)
        won = round(100 * (1 - points / grid), 3)
        row = {"grid": round(grid, 5), "points": round(points, 5), "won_percent": won}
        rows.append({"weights": distribution, "bits": bits, **row})
    text = json.dumps({"rows": rows}, indent=1)
    print(text)
    if _OUTPUT.value:
        pathlib.Path(_OUTPUT.value).write_text(text + "\n")


if __name__ == "__main__":
    app.run(main)
