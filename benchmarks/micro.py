"""Bytes and memory of MLPerf Tiny's networks on microcontrollers, by tflite-micro.

    python benchmarks/micro.py --results=benchmarks/results/micro.json

Networks of random weights of 4 bits and 8-bit activations (`tests/export/mlperf_tiny.py`), with
``prefer="speed"`` (weights in INT8) and ``prefer="size"`` (INT4). Noted are the bytes of
the file, the memory that tflite-micro allocates beside it (on a machine of 64 bits, a chip
of 32 needs less), and of how many answers to random integers any number is
not the one that LiteRT's reference kernels give.
"""

import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from absl import app, flags

import tfqd

ROOT = pathlib.Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "export"))

import mlperf_tiny  # noqa: E402
from other_readers import litert_integers, micro_answers, micro_arena  # noqa: E402

_RESULTS = flags.DEFINE_string("results", None, "JSON file to write", required=True)
_EXAMPLES = flags.DEFINE_integer("examples", 100, "Inputs to answer.", 1)


def main(_) -> None:
    rows = []
    for network in ("resnet8", "ds_cnn", "autoencoder"):
        quantized, x = mlperf_tiny.quantized(network)
        inputs = np.random.default_rng(1).integers(-128, 128, (_EXAMPLES.value, *x.shape[1:]))
        for prefer in ("speed", "size"):
            with tempfile.TemporaryDirectory() as folder:
                row = _measured(quantized, x, prefer, inputs.astype(np.int8), pathlib.Path(folder))
            rows.append({"network": network, "prefer": prefer, **row})
            print(rows[-1])
    pathlib.Path(_RESULTS.value).write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def _measured(quantized, x, prefer, inputs, folder) -> dict[str, int]:
    path = folder / "m.tflite"
    options = {"readers": ("litert", "tflite-micro"), "prefer": prefer, "io_dtype": "int8"}
    tfqd.export.tflite(quantized, path, probes=x[:1], strict=True, **options)
    (answers,) = micro_answers(path, {"x": inputs}).values()
    other = answers != litert_integers(path, inputs, reference=True)
    return {
        "bytes": path.stat().st_size,
        "arena": micro_arena(path),
        "examples": len(inputs),
        "unequal": int(other.any(axis=-1).sum()),
    }


if __name__ == "__main__":
    app.run(main)
