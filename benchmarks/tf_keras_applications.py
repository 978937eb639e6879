"""One of each family of tf_keras.applications: quantized, trained, reloaded, exported.

    python benchmarks/tf_keras_applications.py \
        --output benchmarks/results/tf_keras_applications.json

Random weights, small images, one step of SGD. The differences are of the outputs: of
the reloaded ``.keras`` file to the model's, absolute (null where tf_keras does not reload
the float network either), and of the SavedModel to the model's, relative to the largest.
Networks that the output file holds already are not
run again.
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

_IMAGES = flags.DEFINE_integer("images", 4, "Images of the step.", lower_bound=1)

# Name of a model -> side of its images. Where it is 64, the float network answers NaN after
# a step on two images of side 32 (ResNet50 and NASNetMobile are there as a precaution).
FAMILIES = {
    "ConvNeXtTiny": 32,
    "DenseNet121": 32,
    "EfficientNetB0": 64,
    "EfficientNetV2B0": 32,
    "InceptionResNetV2": 75,
    "InceptionV3": 75,
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "NASNetMobile": 64,
    "RegNetX002": 64,
    "ResNet50": 64,
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
    x = np.random.default_rng(0).normal(size=(_IMAGES.value, side, side, 3)).astype("float32")
    sgd = tf_keras.optimizers.SGD(1e-4)
    quantized.compile(sgd, "sparse_categorical_crossentropy", run_eagerly=True)
    before = [np.array(entry.variable) for entry in quantized.quantized_variables]
    loss = quantized.train_on_batch(x, np.arange(len(x)) % CLASSES)
    after = [np.array(entry.variable) for entry in quantized.quantized_variables]
    outputs = quantized(x)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.keras")
        difference = None
        if reloads(model, path):
            quantized.save(path)
            difference = float(np.abs(tf_keras.models.load_model(path)(x) - outputs).max())
        exported = tfqd.export.saved_model(quantized, pathlib.Path(folder, "served"), probes=x)
    return {
        "parameters": model.count_params(),
        "codebooks": len(after),
        "moved": sum(bool(np.any(a != b)) for a, b in zip(before, after, strict=True)),
        "finite": bool(np.isfinite(loss)),
        "reload_difference": difference,
        "export_difference": exported.largest_difference,
    }


def reloads(model, path: pathlib.Path) -> bool:
    """Whether tf_keras loads the float network again, of which it does not load every one."""
    model.save(path)
    try:
        tf_keras.models.load_model(path)
    except TypeError:
        return False
    return True


def main(_) -> None:
    tf_keras.utils.set_random_seed(0)
    output = pathlib.Path(_OUTPUT.value) if _OUTPUT.value else None
    results = json.loads(output.read_text()) if output and output.exists() else {}
    for name in track([name for name in _FAMILIES.value or FAMILIES if name not in results]):
        results[name] = {"images": _IMAGES.value, **examine(name)}
        tf_keras.backend.clear_session()
        if output:
            output.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    app.run(main)
