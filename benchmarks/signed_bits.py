"""What few bits cost where no ReLU clips: MobileNetV2's linear bottlenecks and their sums.

    python benchmarks/signed_bits.py --results=benchmarks/results/signed_bits.json

MobileNetV2 of a width of 0.35 for 96 x 96 pixels, of random weights, calibrated on random
inputs. Noted are bytes, MAXIMUM operators, the memory that tflite-micro allocates beside the
file, and the time of a call over that of the float file in LiteRT, on one thread, as the
median of interleaved rounds.
"""

import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags
from tflite_latency import latencies, processor

import tfqd

ROOT = pathlib.Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "export"))

from other_readers import micro_arena  # noqa: E402

_RESULTS = flags.DEFINE_string("results", None, "JSON file to write", required=True)
_ROUNDS = flags.DEFINE_integer("rounds", 200, "Calls of each file.", 1)


def main(_) -> None:
    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV2((96, 96, 3), alpha=0.35, weights=None, classes=2)
    x = np.random.default_rng(0).normal(size=(64, 96, 96, 3)).astype(np.float32)
    tfqd.callbacks.reestimate_batch_norm(model, x)
    rows: dict[str, dict] = {"float": {}}
    with tempfile.TemporaryDirectory() as folder:
        files = {"float": pathlib.Path(folder) / "float.tflite"}
        files["float"].write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
        for bits in (8, 4):
            name = f"signed_bits={bits}"
            files[name] = pathlib.Path(folder) / f"{bits}.tflite"
            rows[name] = _written(model, x, bits, files[name])
        for name, ratio in latencies(files, 1, _ROUNDS.value).items():
            rows[name]["time over float"] = ratio
    results = {"processor": processor(), "files": rows}
    pathlib.Path(_RESULTS.value).write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def _written(model: keras.Model, x: np.ndarray, bits: int, path: pathlib.Path) -> dict:
    """Writes the model's file of integers, and says what it takes."""
    activations = tfqd.Activations(bits=bits, signed_bits=bits)
    quantized = tfqd.quantize_model(model, tfqd.presets.deployable(8), activations=activations)
    tfqd.calibrate(quantized, x)
    # Networks of random weights amplify a step from layer to layer.
    options = {"io_dtype": "int8", "tolerance": 1.0, "probes": x[:1]}
    report = tfqd.export.tflite(quantized, path, **options).report
    return {
        "bytes": report.bytes,
        "MAXIMUM operators": report.operators.get("MAXIMUM", 0),
        "arena": micro_arena(path),
    }


if __name__ == "__main__":
    app.run(main)
