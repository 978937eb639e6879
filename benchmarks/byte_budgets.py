"""Ten budgets on each of three networks: how near the files come, and never over.

    python benchmarks/byte_budgets.py --results=benchmarks/results/byte_budgets.json

A convolutional, a recurrent and an attention network learn scikit-learn's digits in floats;
each is then quantized to `tfqd.EntropyConstrained` and trained on for some epochs under
`tfqd.callbacks.ByteBudget`, to budgets of 1 to 7 bits a weight. What is noted is the size of
the file on disk, what was estimated for it before steps were stretched at the end, and the
accuracy on held-out digits; of each network also the most bits a weight that 2^8 levels can
use without a weight beyond the last one.
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
from sklearn.datasets import load_digits

import tfqd

_RESULTS = flags.DEFINE_string("results", None, "JSON file to write", required=True)
_EPOCHS = flags.DEFINE_integer("epochs", 3, "epochs of each training to a budget")
_FLOAT_EPOCHS = 20
_BITS = np.linspace(1.0, 7.0, 10)

layers = keras.layers


def cnn():
    inputs = keras.Input((8, 8, 1))
    x = inputs
    for filters in (32, 64):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(filters, 3)(x)))
    return keras.Model(inputs, layers.Dense(10, "softmax")(layers.Flatten()(x)), name="cnn")


def gru():
    inputs = keras.Input((8, 8, 1))
    x = layers.GRU(64)(layers.Reshape((8, 8))(inputs))
    return keras.Model(inputs, layers.Dense(10, "softmax")(x), name="gru")


def transformer():
    inputs = keras.Input((8, 8, 1))
    x = layers.Dense(48)(layers.Reshape((8, 8))(inputs))
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 12)(x, x))
    x = layers.LayerNormalization()(x + layers.Dense(48)(layers.Dense(96, "relu")(x)))
    outputs = layers.Dense(10, "softmax")(layers.Flatten()(x))
    return keras.Model(inputs, outputs, name="transformer")


def digits():
    """Images float32 [n, 8, 8, 1] and labels, to train and to measure on."""
    x, y = load_digits(return_X_y=True)
    x = (x.reshape(-1, 8, 8, 1) / 16).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    return x[360:], y[360:], x[:360], y[:360]


def compiled(model):
    model.compile(
        keras.optimizers.Adam(2e-3),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    return model


def fixed_bytes(model) -> int:
    """Bytes of the file that are no codes."""
    quantized = tfqd.quantize_model(model, tfqd.EntropyConstrained(average_bits=0.01))
    return tfqd.export.archive_file.archive_size(quantized)


def main(argv) -> None:
    del argv
    x, y, x_test, y_test = digits()
    rows = []
    for build in (cnn, gru, transformer):
        keras.utils.set_random_seed(0)
        model = compiled(build())
        model.fit(x, y, epochs=_FLOAT_EPOCHS, verbose=0)
        accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
        fixed = fixed_bytes(model)
        finest = tfqd.quantize_model(model, tfqd.EntropyConstrained(bits=8, average_bits=8))
        weights = sum(tensor.size for tensor in tfqd.compress(finest).quantized.values())
        most_bits = 8 * (tfqd.export.archive_file.archive_size(finest) - fixed) / weights
        for bits in _BITS:
            budget = int(fixed + weights * bits / 8)
            rows.append({"network": model.name, "float_accuracy": round(100 * accuracy, 2)})
            rows[-1]["most_bits"] = round(most_bits, 2)
            rows[-1] |= _trained(model, bits, budget, x, y, x_test, y_test)
            print(f"{len(rows)} of {3 * len(_BITS)}: {rows[-1]}", flush=True)
    over = [row for row in rows if row["bytes"] > row["budget"]]
    content = {
        "command": f"python benchmarks/byte_budgets.py --results={_RESULTS.value}",
        "data": "scikit-learn's digits",
        "over": len(over),
        "least_share": min(row["share"] for row in rows),
        "rows": rows,
    }
    path = pathlib.Path(_RESULTS.value)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(temporary, path)
    sys.exit(1 if over else 0)


def _trained(model, bits, budget, x, y, x_test, y_test) -> dict:
    """Trains to one budget; what came of it."""
    levels = min(8, int(np.ceil(bits)) + 3)
    spec = tfqd.EntropyConstrained(average_bits=float(bits), bits=levels)
    keras.utils.set_random_seed(0)
    student = compiled(tfqd.quantize_model(model, spec))
    budget_callback = tfqd.callbacks.ByteBudget(budget, verbose=0)
    history = student.fit(x, y, epochs=_EPOCHS.value, verbose=0, callbacks=[budget_callback])
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "student.tfqd"
        tfqd.save(student, path)
        size = path.stat().st_size
    return {
        "bits": round(float(bits), 2),
        "budget": budget,
        "bytes": size,
        "share": round(size / budget, 4),
        "estimated_bytes": history.history["estimated_bytes"][-1],
        "accuracy": round(100 * student.evaluate(x_test, y_test, verbose=0)[1], 2),
    }


if __name__ == "__main__":
    app.run(main)
