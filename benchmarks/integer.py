"""Files of trained ranges against their simulation, on MLPerf Tiny's four shapes.

    python benchmarks/integer.py --results=benchmarks/results/integer.json

Networks of random weights, calibrated on random inputs. Noted are the bytes of the file, the
memory that tflite-micro allocates beside it, and, of all output integers, the share that equals
`tfqd.export.simulate_integer` and the largest difference in steps: of LiteRT's reference
kernels, of the kernels of XNNPACK that LiteRT prefers (against their own simulation), of
tflite-micro and of the Keras model itself.
"""

import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from absl import app, flags

import tfqd

ROOT = pathlib.Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "export"))

import mlperf_tiny  # noqa: E402
from other_readers import litert_integers, micro_answers, micro_arena  # noqa: E402

BITS = ((8, 8), (4, 8), (4, 4), (8, 16))

_RESULTS = flags.DEFINE_string("results", None, "JSON file to write", required=True)
_EXAMPLES = flags.DEFINE_integer("examples", 64, "Inputs to answer.", 1)


def main(_) -> None:
    rows = []
    for network in ("resnet8", "ds_cnn", "mobilenet", "autoencoder"):
        for weight_bits, activation_bits in BITS:
            row = {
                "network": network,
                "weight_bits": weight_bits,
                "activation_bits": activation_bits,
                **_measured(network, weight_bits, activation_bits),
            }
            rows.append(row)
            print(row, flush=True)
    pathlib.Path(_RESULTS.value).write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def mobilenet(kind) -> keras.Model:
    """Of visual wake words: MobileNet of a quarter of its width, [96, 96, 3] to 2 classes."""
    return kind.applications.MobileNet((96, 96, 3), alpha=0.25, weights=None, classes=2)


def _measured(network: str, weight_bits: int, activation_bits: int) -> dict:
    keras.utils.set_random_seed(0)
    build = mobilenet if network == "mobilenet" else getattr(mlperf_tiny, network)
    model = build(keras)
    x = np.random.default_rng(0).normal(size=(_EXAMPLES.value, *model.input_shape[1:]))
    x = x.astype(np.float32)
    tfqd.callbacks.reestimate_batch_norm(model, x)
    activations = tfqd.Activations(bits=activation_bits)
    spec = tfqd.presets.deployable(weight_bits)
    quantized = tfqd.quantize_model(model, spec, activations=activations)
    tfqd.calibrate(quantized, x)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "m.tflite"
        # Networks of random weights amplify a step from layer to layer.
        dtype = "int16" if activation_bits == 16 else "int8"
        options = {"readers": ("litert", "tflite-micro"), "io_dtype": dtype, "tolerance": 1.0}
        result = tfqd.export.tflite(quantized, path, probes=x[:1], **options)
        integers = _rounded(path, x)
        ((name, simulated),) = tfqd.export.simulate_integer(path, integers).items()
        (by_xnnpack,) = tfqd.export.simulate_integer(path, integers, kernels="xnnpack").values()
        answers = {
            "reference kernels": litert_integers(path, integers, reference=True),
            "LiteRT": litert_integers(path, integers, reference=False),
            "tflite-micro": micro_answers(path, {_input_name(path): integers})[name],
            "Keras model": _on_grid(path, np.asarray(quantized(x))),
        }
        row = {"bytes": result.report.bytes, "arena": micro_arena(path)}
    for who, found in answers.items():
        expected = by_xnnpack if who == "LiteRT" else simulated
        apart = np.abs(found.astype(int) - expected)
        row[who] = {"equal": round(float((apart == 0).mean()), 5), "steps": int(apart.max())}
    return row


def _details(path: pathlib.Path) -> tuple[dict, dict]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    return interpreter.get_input_details()[0], interpreter.get_output_details()[0]


def _input_name(path: pathlib.Path) -> str:
    return _details(path)[0]["name"]


def _rounded(path: pathlib.Path, x: np.ndarray) -> np.ndarray:
    """The inputs as the file takes them: int8 or int16."""
    return _to_integers(x, _details(path)[0])


def _on_grid(path: pathlib.Path, answers: np.ndarray) -> np.ndarray:
    """The answers in integers of the file's output: int8 or int16."""
    return _to_integers(answers, _details(path)[1])


def _to_integers(values: np.ndarray, details: dict) -> np.ndarray:
    (scale, zero), limits = details["quantization"], np.iinfo(details["dtype"])
    return np.clip(np.rint(values / scale) + zero, limits.min, limits.max).astype(limits.dtype)


if __name__ == "__main__":
    app.run(main)
