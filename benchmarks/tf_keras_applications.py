"""One of each family of tf_keras.applications: quantized, trained, reloaded, exported.

    python benchmarks/tf_keras_applications.py \
        --output benchmarks/results/tf_keras_applications.json

Random weights, the smallest inputs that the families take, one step of SGD. The
differences are of the outputs: of the reloaded ``.keras`` file to the model's,
absolute, and of the SavedModel to the model's, relative to the largest.
"""

import json
import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tf_keras
from absl import app, flags
from rich.progress import track

import tfqd

_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; printed anyway.")
_FAMILIES = flags.DEFINE_list("families", None, "Names of models; all of `FAMILIES` if not given.")

# Name of a model -> side of its images. Of two images of side 32 the float RegNetX002 and
# ResNet50V2 answer NaN after a step: their last maps have one pixel.
FAMILIES = {
    "ConvNeXtTiny": 32,
    "DenseNet121": 32,
    "EfficientNetB0": 32,
    "EfficientNetV2B0": 32,
    "InceptionResNetV2": 75,
    "InceptionV3": 75,
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "NASNetMobile": 32,
    "RegNetX002": 64,
    "ResNet50": 32,
    "ResNet50V2": 64,
    "ResNetRS50": 32,
    "VGG16": 32,
    "VGG19": 32,
    "Xception": 71,
}
SPEC = tfqd.Codebook(bits=4)
CLASSES = 10


def examine(name: str) -> dict:
    """What became of one model on its way from quantization to export."""
    build, side = getattr(tf_keras.applications, name), FAMILIES[name]
    model = build(weights=None, input_shape=(side, side, 3), classes=CLASSES)
    quantized = tfqd.quantize_model(model, SPEC)
    x = np.random.default_rng(0).normal(size=(2, side, side, 3)).astype("float32")
    sgd = tf_keras.optimizers.SGD(1e-4)
    quantized.compile(sgd, "sparse_categorical_crossentropy", run_eagerly=True)
    before = [np.array(entry.variable) for entry in quantized.quantized_variables]
    loss = quantized.train_on_batch(x, np.array([0, 1]))
    after = [np.array(entry.variable) for entry in quantized.quantized_variables]
    outputs = quantized(x)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.keras")
        quantized.save(path)
        reloaded = tf_keras.models.load_model(path)(x)
        exported = tfqd.export.saved_model(quantized, pathlib.Path(folder, "served"), probes=x)
    return {
        "parameters": model.count_params(),
        "codebooks": len(after),
        "moved": sum(bool(np.any(a != b)) for a, b in zip(before, after, strict=True)),
        "finite": bool(np.isfinite(loss)),
        "reload_difference": float(np.abs(reloaded - outputs).max()),
        "export_difference": exported.largest_difference,
    }


def main(_) -> None:
    tf_keras.utils.set_random_seed(0)
    results = {}
    for name in track(_FAMILIES.value or FAMILIES):
        results[name] = examine(name)
        tf_keras.backend.clear_session()
        if _OUTPUT.value:
            pathlib.Path(_OUTPUT.value).write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    app.run(main)
