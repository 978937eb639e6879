"""Bytes, latency and accuracy of tfqd's TFLite files beside those of others.

    python benchmarks/tflite.py --data_dir=DATA --output benchmarks/results/tflite.json

Per network: the float file of TensorFlow's converter (1 in every ratio), tfqd's
files, the converter's dynamic-range INT8, and, where ai-edge-quantizer and tfmot
are installed, their recipes. Latency: LiteRT, one thread, the thread's own
processor time, so that what else the machine does counts little; each round calls
every file in turn on the same input, and the figure is the median over rounds of
the ratio to the float file of that round. Accuracy: ResNet-8 on the first --images
test images of CIFAR-10. DATA is as for ``examples/cifar10_resnet8.py``; without it
ResNet-8 is left out.

--student names a `.tfqd` archive of a trained ResNet-8, which becomes further rows
called after its run: ``OUTPUT/.../model.tfqd`` of that example, or what --train_steps makes.
--files names further TFLite files of ResNet-8, such as those of `examples/cifar10_integer.py`.
"""

import gzip
import json
import pathlib
import re
import tempfile

import keras
import numpy as np
import tensorflow as tf
import tflite_models
import tflite_rivals
from absl import app, flags
from tflite_latency import Runner, latencies, processor

import tfqd

_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; printed anyway.")
_DATA = flags.DEFINE_string("data_dir", None, "Folder with CIFAR-10 and the trained ResNet-8.")
_NETS = flags.DEFINE_list("nets", ["dense", "resnet8", "mobilenet"], "Networks to measure.")
_ROUNDS = flags.DEFINE_integer("rounds", 21, "Counted rounds, after 2 more; 0 for no times.", 0)
_IMAGES = flags.DEFINE_integer("images", 10_000, "Test images to classify; 0 for no accuracy.", 0)
_STUDENT = flags.DEFINE_list("student", [], "Archives of trained ResNet-8 students.")
_FILES = flags.DEFINE_list("files", [], "Further TFLite files of ResNet-8.")
_STEPS = flags.DEFINE_integer("train_steps", 0, "Train a 4-bit ResNet-8 for so many steps first.")
_ONLY = flags.DEFINE_string("only", "", "Regular expression of the files to measure beside float.")

BATCHES = (1, 32)


def exports(
    model: keras.Model, folder: pathlib.Path, examples: np.ndarray
) -> dict[str, pathlib.Path]:
    """The float model's files by tfqd, quantized once without training.

    Args:
        examples: inputs to calibrate integer activations by.
    """
    files = {}
    calibrated = {"representative_dataset": examples}
    for name, bits, options in (
        ("tfqd 8 bit", 8, {}),
        ("tfqd 8 bit, integer activations", 8, calibrated),
        ("tfqd 4 bit, speed", 4, {"prefer": "speed"}),
        ("tfqd 4 bit, speed, integer activations", 4, {"prefer": "speed", **calibrated}),
        ("tfqd 4 bit, slowdown 1.5", 4, {"slowdown": 1.5}),
        ("tfqd 4 bit, slowdown 2", 4, {"slowdown": 2}),
        ("tfqd 4 bit, size", 4, {"prefer": "size"}),
        ("tfqd 2 bit as INT2", 2, {"int2": True}),
    ):
        quantized = tfqd.quantize_model(model, tfqd.presets.deployable(bits))
        files[name] = folder / f"{len(files)}.tflite"
        # Random weights of few bits: deep networks of them amplify rounding.
        tfqd.export.tflite(quantized, files[name], tolerance=10.0, **options)
    return files


def resnet8_files(folder: pathlib.Path) -> tuple[dict[str, pathlib.Path], object]:
    """Files of ResNet-8, trained students and MLPerf Tiny's reference among them."""
    images, model, _ = tflite_models.resnet8_data.load(_DATA.value)
    examples = images.x_train[:: len(images.x_train) // 100].astype(np.float32)
    files = {"float": tflite_rivals.float_file(model, folder)}
    files |= exports(model, folder, examples)
    archives = [pathlib.Path(path) for path in _STUDENT.value]
    if _STEPS.value:
        archives.append(folder / "student.tfqd")
        tfqd.save(tflite_models.student(model, images, 4, _STEPS.value), archives[-1])
    for archive in archives:
        compressed = tfqd.compressed.read_archive(archive)
        bits = max(tensor.bits for tensor in compressed.quantized.values())
        run = compressed.facts.get("run", f"{bits} bit")
        for name, options in (
            ("speed", {"prefer": "speed"}),
            ("size", {"prefer": "size"}),
            ("integer activations", {"representative_dataset": examples}),
        ):
            path = folder / f"{len(files)}.tflite"
            # Of some image 8 bits of activations change a probability by more than is let pass.
            tfqd.export.tflite(compressed, path, tolerance=0.5, **options)
            files[f"tfqd {run}, trained, {name}"] = path
    reference = pathlib.Path(_DATA.value) / "models" / "resnet8_cifar10_int8_reference.tflite"
    if reference.exists():
        files["MLPerf Tiny's int8 reference"] = reference
    files |= {path.stem: path for path in map(pathlib.Path, _FILES.value)}
    return files | tflite_rivals.files(model, folder, examples), images


def accuracy(path: pathlib.Path, images) -> float:
    """Percent of the test images that a ResNet-8 file classifies right."""
    order = np.random.default_rng(0).permutation(len(images.x_test))[: _IMAGES.value]
    x, y = images.x_test[order].astype(np.float32), images.y_test[order]
    size = next(size for size in (250, 200, 100, 50, 1) if len(x) % size == 0)
    runner, right = Runner(path, size), 0
    for start in range(0, len(x), size):
        runner.feed(x[start : start + size])
        runner.call()
        right += int((runner.answer().argmax(-1) == y[start : start + size]).sum())
    return round(100 * right / len(x), 2)


def measure(name: str, folder: pathlib.Path) -> list[dict]:
    """The rows of one network."""
    images = None
    if name == "resnet8":
        files, images = resnet8_files(folder)
    else:
        model = getattr(tflite_models, name)()
        examples = np.random.default_rng(1).normal(size=[32, *model.input_shape[1:]])
        examples = examples.astype(np.float32)
        files = {"float": tflite_rivals.float_file(model, folder)}
        files |= exports(model, folder, examples) | tflite_rivals.files(model, folder, examples)
    files = {
        file: path
        for file, path in files.items()
        if file == "float" or re.search(_ONLY.value, file)
    }
    times = {batch: latencies(files, batch, _ROUNDS.value) for batch in BATCHES if _ROUNDS.value}
    rows = []
    for file, path in files.items():
        data = path.read_bytes()
        row = {"net": name, "file": file, "bytes": len(data), "gzip": len(gzip.compress(data, 9))}
        row |= {f"latency_batch_{batch}": of_files[file] for batch, of_files in times.items()}
        if images is not None and _IMAGES.value:
            row["accuracy"] = accuracy(path, images)
        rows.append(row)
        print(json.dumps(row), flush=True)
    for row in rows:
        row["smaller"] = round(rows[0]["bytes"] / row["bytes"], 2)
        row["smaller_gzip"] = round(rows[0]["bytes"] / row["gzip"], 2)
    return rows


def main(argv) -> None:
    del argv
    nets = [name for name in _NETS.value if name != "resnet8" or _DATA.value]
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for name in nets for row in measure(name, _made(pathlib.Path(folder) / name))]
    versions = {"tensorflow": tf.__version__, **tflite_rivals.versions()}
    result = {"processor": processor(), "versions": versions, "rows": rows}
    result |= {"rounds": _ROUNDS.value, "images": _IMAGES.value}
    if _OUTPUT.value:
        pathlib.Path(_OUTPUT.value).write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def _made(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    app.run(main)
