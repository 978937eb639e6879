"""The demo: distil and quantize a small digit classifier, start to end.

Trains a teacher and a smaller student on scikit-learn's bundled digits (1,797
images of 8x8 pixels, no download), quantizes the student after training and
with quantized distillation, and writes compressed models and a report.
"""

import json
import pathlib
import time
from typing import NamedTuple

import keras
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import tfqd

BITS = (4, 2)
EPOCHS = {"teacher": 30, "student": 60, "quantized": 30}
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class Digits(NamedTuple):
    """Images float32 [n, 8, 8, 1] in [0, 1] and labels int64 [n]."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


class Row(NamedTuple):
    """One line of the result.

    accuracy: in percent, of the held-out images.
    bytes: size of the `.tfqd` file on disk, architecture and all; of a float
        model, its float32 weights alone.
    ratio: bytes of the float student over these; None for float models.
    """

    model: str
    bits: int
    accuracy: float
    bytes: int
    ratio: float | None


def run(output: pathlib.Path, console: Console, seed: int = 0) -> list[Row]:
    """Runs the demo and writes its results.

    Args:
        output: folder for the models' files and ``report.json``; made if missing.
        console: where progress and the table go.
        seed: for the split, the weights, the batches and the noise.

    Returns:
        The rows of the printed table.
    """
    keras.utils.set_random_seed(seed)
    output.mkdir(parents=True, exist_ok=True)
    digits = load(seed)
    console.print(
        f"Data: scikit-learn's digits, {len(digits.x_train)} to train, {len(digits.x_test)} to test"
    )
    with Progress(console=console, disable=not console.is_terminal) as progress:
        rows, reports = _experiments(digits, output, progress)
    console.print(_table(rows))
    report = {"seed": seed, "rows": [row._asdict() for row in rows], "sizes": reports}
    (output / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    console.out(f"The quantized models and report.json are in {output}")
    return rows


def load(seed: int = 0) -> Digits:
    """The digits, a third of them held out for the test, split by class."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16.0).astype(np.float32).reshape(-1, 8, 8, 1)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=1 / 3, stratify=y, random_state=seed
    )
    return Digits(x_train, y_train, x_test, y_test)


def build(name: str, width: int, units: int) -> keras.Model:
    """A small CNN that gives ten logits."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(width, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(2 * width, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(units, activation="relu"),
            layers.Dense(10),
        ],
        name=name,
    )


def _experiments(digits: Digits, output: pathlib.Path, progress: Progress):
    """The table's rows, and each quantized model's size report by name."""
    teacher = build("teacher", width=32, units=128)
    _fit(teacher, digits, EPOCHS["teacher"], progress, "teacher")
    student = build("student", width=8, units=32)
    _fit(tfqd.Distiller(teacher, student), digits, EPOCHS["student"], progress, "float student")
    rows = [_float_row("teacher", teacher, digits), _float_row("float student", student, digits)]
    float_bytes, reports = rows[1].bytes, {}

    def add_row(title: str, bits: int, quantized: keras.Model, name: str) -> None:
        path = output / f"{name}.tfqd"
        tfqd.save(quantized, path)
        size = path.stat().st_size
        rows.append(Row(title, bits, _accuracy(quantized, digits), size, float_bytes / size))
        reports[path.name] = tfqd.size_report(quantized).to_dict()

    for bits in BITS:
        quantized = tfqd.quantize_model(student, tfqd.Uniform(bits=bits))
        add_row("post-training quantization", bits, quantized, f"post_training_{bits}bit")
        title = f"quantized distillation, {bits} bit"
        _fit(tfqd.Distiller(teacher, quantized), digits, EPOCHS["quantized"], progress, title)
        add_row("quantized distillation", bits, quantized, f"distilled_{bits}bit")
    return rows, reports


def _float_row(title: str, model: keras.Model, digits: Digits) -> Row:
    return Row(title, 32, _accuracy(model, digits), 4 * model.count_params(), None)


def _fit(model, digits: Digits, epochs: int, progress: Progress, title: str) -> None:
    batch = 64
    steps = epochs * -(-len(digits.x_train) // batch)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(rate), LOSS, jit_compile=False)
    task = progress.add_task(title, total=epochs)
    advance = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: progress.advance(task))
    start = time.perf_counter()
    model.fit(digits.x_train, digits.y_train, batch, epochs, verbose=0, callbacks=[advance])
    if not progress.console.is_terminal:
        progress.console.print(f"{title}: {epochs} epochs in {time.perf_counter() - start:.0f} s")


def _accuracy(model: keras.Model, digits: Digits) -> float:
    logits = np.asarray(model(digits.x_test, training=False))
    return 100.0 * float(np.mean(logits.argmax(-1) == digits.y_test))


def _table(rows: list[Row]) -> Table:
    table = Table(title="Digits", caption="bytes: the file on disk; of float models, the weights")
    table.add_column("model")
    for heading in ("bits", "accuracy", "bytes", "ratio"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.model,
            str(row.bits),
            f"{row.accuracy:.2f} %",
            f"{row.bytes:,}",
            "" if row.ratio is None else f"{row.ratio:.2f}",
        )
    return table
