"""Latency, load time and size of tfqd's SavedModels beside Keras' float ones.

    python benchmarks/saved_model.py --sizes= --rounds=100 \
      --output benchmarks/results/saved_model_latency.json
    python benchmarks/saved_model.py --latency= --output benchmarks/results/saved_model_sizes.json

Latency: one process, one thread; each round runs the variants in turn, forwards
and backwards, on the same input, through ``tf.saved_model.load``, each twice, of
which the second counts (the first finds another model's weights in the cache);
the figure is the median over rounds of the ratio to the float model of the round. Sizes: all
bytes of the folder or file, at 2, 3, 4 and 8 bits with the paper's buckets of
256, beside the paper's own formula, which counts no graph and no file format, and
beside entropy + 8 bytes a bucket + the float rest + 4 KB (archive_over_entropy).
"""

import json
import os
import pathlib
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags
from rich.progress import track

import tfqd

_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; printed anyway.")
_ROUNDS = flags.DEFINE_integer("rounds", 300, "Counted rounds, after 10 to warm up.")
_LATENCY = flags.DEFINE_list("latency", ["dense", "convolutional"], "Models to time.")
_SIZES = flags.DEFINE_list(
    "sizes", ["resnet8", "resnet50", "lstm", "transformer"], "Models to weigh."
)
_BITS = flags.DEFINE_list("bits", ["2", "3", "4", "8"], "Bits to weigh them at.")

BATCHES = (1, 32)
LOADS = 5

layers = keras.layers


def dense() -> keras.Model:
    """1024-2048-2048-256-16: 6.8 million weights."""
    hidden = [layers.Dense(units, activation="relu") for units in (2048, 2048, 256)]
    return keras.Sequential([keras.Input((1024,)), *hidden, layers.Dense(16)], name="dense")


def convolutional() -> keras.Model:
    """ResNet-20 for 32x32 images: 0.27 million weights, 41 million multiplications."""
    return _resnet(blocks=3, name="convolutional")


def resnet8() -> keras.Model:
    """MLPerf Tiny's ResNet for CIFAR-10: 78,666 parameters."""
    return _resnet(blocks=1, name="resnet8")


def resnet50() -> keras.Model:
    """ResNet-50 for ImageNet: 25.6 million parameters."""
    return keras.applications.ResNet50(weights=None)


def lstm() -> keras.Model:
    """A classifier of word sequences: 20,000 words, two LSTM layers of 256."""
    ids = keras.Input((64,), dtype="int32")
    x = layers.Embedding(20_000, 128)(ids)
    x = layers.LSTM(256)(layers.LSTM(256, return_sequences=True)(x))
    return keras.Model(ids, layers.Dense(10)(x), name="lstm")


def transformer(width=128, heads=4, depth=2) -> keras.Model:
    """A two-layer encoder of width 128 over 8,000 words."""
    ids = keras.Input((64,), dtype="int32")
    x = layers.Embedding(8_000, width)(ids)
    for _ in range(depth):
        y = layers.MultiHeadAttention(heads, width // heads)(x, x)
        x = layers.LayerNormalization()(x + y)
        y = layers.Dense(width)(layers.Dense(4 * width, activation="gelu")(x))
        x = layers.LayerNormalization()(x + y)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(ids, layers.Dense(10)(x), name="transformer")


def _resnet(blocks: int, name: str) -> keras.Model:
    def block(x, width, stride):
        y = layers.Conv2D(width, 3, stride, padding="same")(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same")(y))
        if stride != 1:
            x = layers.Conv2D(width, 1, stride, padding="same")(x)
        return layers.ReLU()(layers.Add()([x, y]))

    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, padding="same")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for width, stride in ((16, 1), (32, 2), (64, 2)):
        for index in range(blocks):
            x = block(x, width, stride if index == 0 else 1)
    x = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, x, name=name)


MODELS = {
    build.__name__: build for build in (dense, convolutional, resnet8, resnet50, lstm, transformer)
}


def folder_bytes(folder: pathlib.Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def measure_latency(model: keras.Model, folder: pathlib.Path, rounds: int) -> dict:
    """Latency, load time and bytes of the float model and of 4-bit ones."""
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    model.export(folder / "float" / "1", verbose=False)
    tfqd.export.saved_model(quantized, folder / "uniform 4 bit")
    tfqd.export.saved_model(quantized, folder / "uniform 4 bit, bfloat16", dtype="bfloat16")
    variants = sorted(path.name for path in folder.iterdir())
    loaded, load_seconds = _load(folder, variants)
    results = {
        name: {
            "bytes": folder_bytes(folder / name),
            "load_seconds": round(load_seconds[name], 4),
        }
        for name in variants
    }
    for batch in BATCHES:
        seconds = _time(loaded, model.input_shape[1:], batch, rounds)
        for name in variants:
            ratio = np.median(seconds[name] / seconds["float"])
            results[name][f"batch_{batch}"] = {
                "median_seconds": round(float(np.median(seconds[name])), 6),
                "median_ratio": round(float(ratio), 4),
            }
    # Not beside the bytes of Keras' export, which may hold each weight twice.
    float_bytes = 4 * model.count_params()
    for result in results.values():
        result["float_weights_over_bytes"] = round(float_bytes / result["bytes"], 3)
    return {"weights": model.count_params(), "variants": results}


def _load(folder: pathlib.Path, variants: list[str]) -> tuple[dict, dict[str, float]]:
    loaded, seconds = {}, {name: [] for name in variants}
    for _ in range(LOADS):
        for name in variants:
            start = time.perf_counter()
            loaded[name] = tf.saved_model.load(str(folder / name / "1"))
            seconds[name].append(time.perf_counter() - start)
    return loaded, {name: float(np.median(times)) for name, times in seconds.items()}


def _time(loaded: dict, shape, batch: int, rounds: int) -> dict[str, np.ndarray]:
    x = tf.constant(np.random.default_rng(0).normal(size=(batch, *shape)), tf.float32)
    calls = {}
    for name, model in loaded.items():
        serve = model.signatures["serving_default"]
        (argument,) = serve.structured_input_signature[1]
        calls[name] = lambda serve=serve, argument=argument: serve(**{argument: x})
    seconds = {name: [] for name in calls}
    for index in track(range(rounds + 10), description=f"batch {batch}"):
        for name in list(calls) if index % 2 else reversed(calls):
            for _ in range(2):
                start = time.perf_counter()
                for output in calls[name]().values():
                    output.numpy()
                last = time.perf_counter() - start
            seconds[name].append(last)
    return {name: np.array(times[10:]) for name, times in seconds.items()}


def weigh(model: keras.Model, folder: pathlib.Path, bits: int) -> dict:
    """Bytes of what tfqd writes, of a float SavedModel, and by the paper's formula."""
    compressed = tfqd.compress(tfqd.quantize_model(model, tfqd.Uniform(bits=bits)))
    report = tfqd.size_report(compressed)
    total = report.total
    tfqd.export.saved_model(compressed, folder / "saved_model")
    tfqd.save(compressed, folder / "model.tfqd")
    saved_model = folder_bytes(folder / "saved_model")
    archive = (folder / "model.tfqd").stat().st_size
    variables = (folder / "saved_model" / "1" / "variables").glob("variables.data*")
    return {
        "float_bytes": total.float_bytes,
        "paper_bytes": round(total.paper_bytes),
        "fixed_bytes": total.fixed_bytes,
        "archive_bytes": archive,
        "archive_over_entropy": round(archive / entropy_bytes(compressed, report), 4),
        "saved_model_bytes": saved_model,
        "saved_model_variables_bytes": sum(file.stat().st_size for file in variables),
        "float_weights_over_saved_model": round(total.float_bytes / saved_model, 3),
    }


def entropy_bytes(compressed: tfqd.CompressedModel, report) -> float:
    """What no archive can undercut by much: entropy, 8 bytes a bucket, float rest, 4 KB."""
    codes = sum(size.weights * size.entropy / 8 for size in report.variables.values())
    buckets = sum(tensor.bucketing.count for tensor in compressed.quantized.values())
    return codes + 8 * buckets + report.rest.float_bytes + 4096


def main(_) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(0)
    results = {"rounds": _ROUNDS.value, "threads": 1, "latency": {}, "sizes": {}}
    for name in _LATENCY.value:
        with tempfile.TemporaryDirectory() as folder:
            timed = measure_latency(MODELS[name](), pathlib.Path(folder), _ROUNDS.value)
        results["latency"][name] = timed
    for name in _SIZES.value:
        model = MODELS[name]()
        results["sizes"][name] = {"weights": model.count_params()}
        for bits in track(_BITS.value, description=name):
            with tempfile.TemporaryDirectory() as folder:
                weighed = weigh(model, pathlib.Path(folder), int(bits))
            results["sizes"][name][f"{bits} bit"] = weighed
    text = json.dumps(results, indent=1)
    print(text)
    if _OUTPUT.value:
        pathlib.Path(_OUTPUT.value).write_text(text + "\n")


if __name__ == "__main__":
    app.run(main)
