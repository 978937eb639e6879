"""Thirteen networks in six programs that read TFLite files: who answers as the model does.

    npm install --prefix=PACKAGES @litertjs/core
    python benchmarks/readers.py --packages=PACKAGES/node_modules --results=readers.json

The files are those of `tfqd.export.tflite`, with ``readers=("litert", ...)`` where the reader has a
name there, and for tflite-micro of integers throughout where the converter can calibrate the
network. LiteRT.js runs in Chromium without a window. A reader agrees when its answers are off
the Keras model's by at most a tenth of the largest, as the writer lets pass: kernels of
integers round activations to 8 bits. It prints the table of `docs/tflite.md`.
"""

import collections
import importlib.metadata
import json
import os
import pathlib
import tempfile
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from absl import app, flags
from litert_js import browser_answers
from reader_networks import NETWORKS, Network, other_readers
from reader_table import table

import tfqd
from tfqd.export.litert.checking.runtimes import Answers, run

_PACKAGES = flags.DEFINE_string("packages", None, "node_modules with @litertjs/core", required=True)
_RESULTS = flags.DEFINE_string("results", None, "JSON file to write", required=True)
_ONLY = flags.DEFINE_list("only", [], "names of networks; all without")
_TOLERANCE = 0.1
_ANSWERED = 4
_VERSIONS = ("ai-edge-litert", "tensorflow", "openvino", "ai-edge-quantizer", "tflite-micro")

Row = dict[str, Any]
Options = Mapping[str, Any]


class Reader(NamedTuple):
    """A program that reads files in this process.

    answer: what it answers to a file at a path, and inputs by their names.
    name: among the `readers` of `tfqd.export.tflite`.
    tries: further options, of which the first that the network takes are used.
    """

    answer: Callable[[pathlib.Path, Mapping[str, np.ndarray]], Answers]
    name: str
    tries: tuple[Options, ...] = ({},)


def _runtime(name: str) -> Reader:
    return Reader(lambda path, inputs: run(name, path.read_bytes(), inputs), "litert")


_READERS = {
    "LiteRT": _runtime("ai-edge-litert"),
    "tf.lite": _runtime("tf.lite"),
    "OpenVINO": Reader(other_readers.openvino_answers, "openvino"),
    "ai-edge-quantizer": Reader(other_readers.quantizer_answers, "ai-edge-quantizer"),
    "tflite-micro": Reader(
        other_readers.micro_answers,
        "tflite-micro",
        ({"batch_size": 1, "representative_dataset": True}, {"batch_size": 1}),
    ),
}
_BROWSER = "LiteRT.js"


class Asked(NamedTuple):
    """A network's default file, what it is asked, and what the Keras model answers to that."""

    network: str
    file: bytes
    inputs: dict[str, np.ndarray]
    expected: np.ndarray
    weights: Row


def main(_) -> None:
    rows, asked = [], []
    for name in _ONLY.value or NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            found, default = _read(name, NETWORKS[name], pathlib.Path(folder))
        rows += found
        asked.append(default)
    packages = pathlib.Path(_PACKAGES.value)
    answers = browser_answers([a.file for a in asked], [a.inputs for a in asked], packages)
    for each, found in zip(asked, answers, strict=True):
        judged = _judged(found, each.expected)
        rows.append({"network": each.network, "reader": _BROWSER, **each.weights, **judged})
    version = json.loads((packages / "@litertjs/core/package.json").read_text())["version"]
    versions = {name: importlib.metadata.version(name) for name in _VERSIONS}
    result = {"versions": {**versions, "@litertjs/core": version}, "rows": rows}
    pathlib.Path(_RESULTS.value).write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))


def _read(name: str, network: Network, folder: pathlib.Path) -> tuple[list[Row], Asked]:
    """The rows of all readers but the browser, and what that one needs."""
    quantized, x = network.quantized()
    inputs = {"x": x[:_ANSWERED]}
    expected = np.array(quantized(inputs["x"], training=False))
    rows = []
    for title, reader in _READERS.items():
        path = folder / f"{reader.name}.tflite"
        row = {"network": name, "reader": title, **_written(quantized, path, reader, network, x)}
        if "refused" not in row:
            row |= _answered(reader, path, inputs, expected)
        rows.append(row)
        print(row, flush=True)
    data = (folder / "litert.tflite").read_bytes()
    weights = {key: rows[0][key] for key in ("weights", "floats")}
    return rows, Asked(name, data, inputs, expected, weights)


def _written(quantized, path: pathlib.Path, reader: Reader, network: Network, x) -> Row:
    """Writes a file; how many quantized weights it has, and how many of them as floats."""
    reason = ""
    for further in reader.tries:
        options = {**network.options, **further, "readers": {"litert", reader.name}}
        options["probes"] = x[:_ANSWERED]
        if options.get("representative_dataset"):
            options["representative_dataset"] = x
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of the floats, which are counted
                report = tfqd.export.tflite(quantized, path, **options).report
        except ValueError as error:
            reason = str(error)
            continue
        types = collections.Counter(weight.type for weight in report.weights)
        return {"weights": types.total(), "floats": types["float32"]}
    return {"refused": reason}


def _answered(reader: Reader, path: pathlib.Path, inputs, expected: np.ndarray) -> Row:
    try:
        return _judged(reader.answer(path, inputs), expected)
    except Exception as error:  # of whatever kind the reader has
        return _judged(str(error), expected)


def _judged(answers: Answers | str, expected: np.ndarray) -> Row:
    """Whether answers, or the words of a refusal, agree with the Keras model's."""
    if isinstance(answers, str):
        return {"refused": " ".join(answers.split())}
    (answer,) = answers.values()
    difference = float(np.abs(answer.reshape(expected.shape) - expected).max())
    share = float(f"{difference / np.abs(expected).max():.2g}")
    if share <= _TOLERANCE:
        return {"difference": share}
    return {"refused": f"answers are off by {share} of the largest"}


if __name__ == "__main__":
    app.run(main)
