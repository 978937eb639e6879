"""A page with all that a page may have, of a small model that was trained for it."""

import pathlib
from typing import NamedTuple

import keras
import numpy as np

import tfqd

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
LONG = "a_layer_whose_name_is_longer_than_any_line_of_a_telephone_has_room_for"
TITLE = 'A <script>alert("title")</script> & more'
RESULTS = {
    "small.keras": (39_208, 0.977),
    "<b>small.tfqd</b>": (6_976, 0.983),
    "small.tflite": (9_112, 0.983),
}
WRITERS = {
    ".tfqd": tfqd.save,
    ".tflite": tfqd.export.tflite,
    ".keras": tfqd.export.keras,
    "": tfqd.export.saved_model,
}


class Example(NamedTuple):
    """A page, and what it is about."""

    folder: pathlib.Path
    page: pathlib.Path
    model: keras.Model
    record: tfqd.callbacks.TrainingRecord


def write_example(folder: pathlib.Path, *names: str) -> Example:
    """Trains a model, exports it into the folder and writes ``report.html`` there.

    Args:
        folder: where to write.
        names: of the files to export.
    """
    keras.utils.set_random_seed(0)
    layer_names = [LONG, *(f"dense_{i}" for i in range(3))]
    layers = [keras.layers.Dense(12, name=name) for name in layer_names]
    model = keras.Sequential([keras.Input((6,)), *layers], name="small")
    learned = tfqd.LearnedStep(bits=4, layout="channel")
    selection = {f"{LONG}/kernel": tfqd.Codebook(bits=2, bucket_size=None), "kernel": learned}
    student = tfqd.quantize_model(model, selection)
    student.compile("sgd", "mse")
    record = tfqd.callbacks.TrainingRecord()
    student.fit(X, np.tile(X, 2), epochs=3, verbose=0, callbacks=[record])
    files = [str(folder / name) for name in names]
    for file in files:
        WRITERS[pathlib.Path(file).suffix](student, file)
    page = folder / "report.html"
    models = {"float": model, "small": student, "<i>compressed</i>": tfqd.compress(student)}
    evaluation = tfqd.evaluate(models, (X, X.argmax(-1)), training={"small": (6, 1.5)})
    options = {"title": TITLE, "results": RESULTS, "record": record, "files": files}
    options["evaluation"] = evaluation
    tfqd.html_report(student, page, **options)
    return Example(folder, page, student, record)
