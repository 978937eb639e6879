"""Which architectures of keras.applications export to TFLite at 4 bits, and as what.

    python benchmarks/tflite_applications.py --output benchmarks/results/tflite_applications.json

The smallest member of each family, random weights, the smallest image that it
takes, 10 classes. For each: whether TensorFlow's converter takes it in float,
whether tfqd's file was written, that is, verified in every runtime, the bytes of
both, what its weights became, and how far weights and answers were found off.
Activations of random deep networks say little, so their difference is reported
and does not decide (tolerance 10); what decides is that every weight is read back
and that the file's float form answers as the model does.
"""

import collections
import json
import pathlib
import tempfile

import keras
import tensorflow as tf
from absl import app, flags

import tfqd

SMALLEST_IMAGE = {
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "EfficientNetB0": 32,
    "EfficientNetV2B0": 32,
    "ResNet50": 32,
    "ResNet50V2": 32,
    "DenseNet121": 32,
    "NASNetMobile": 32,
    "Xception": 71,
    "InceptionV3": 75,
    "ConvNeXtTiny": 32,
    "VGG16": 32,
    "VGG19": 32,
    "InceptionResNetV2": 75,
}

_OUTPUT = flags.DEFINE_string("output", None, "JSON file; one that is there is added to.")
_FAMILIES = flags.DEFINE_list("families", list(SMALLEST_IMAGE), "Architectures to export.")


def exported(name: str, folder: pathlib.Path) -> dict:
    """What came of one architecture."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    shape = (SMALLEST_IMAGE[name],) * 2 + (3,)
    make = getattr(keras.applications, name)
    model = make(weights=None, input_shape=shape, classes=10)
    row = {"name": name, "image": shape[0], "weights": model.count_params()}
    try:
        row["float_bytes"] = len(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    except Exception as error:  # the converter has many kinds
        return row | {"float_bytes": None, "error": str(error)[:300]}
    quantized = tfqd.quantize_model(model, tfqd.presets.deployable(4))
    try:
        result = tfqd.export.tflite(quantized, folder / "m.tflite", prefer="size", tolerance=10.0)
    except ValueError as error:
        return row | {"bytes": None, "error": str(error)[:300]}
    report = result.report
    types = collections.Counter(row.type for row in report.weights)
    reasons = {row.reason for row in report.weights if row.type == "float32"}
    return row | {
        "bytes": report.bytes,
        "gzip_bytes": report.gzip_bytes,
        "types": dict(types),
        "float_because": sorted(reasons),
        "weight_error": float(f"{report.weight_error:.2g}"),
        "answers_off_by": float(f"{report.activation_error:.2g}"),
    }


def main(argv) -> None:
    del argv
    path = pathlib.Path(_OUTPUT.value) if _OUTPUT.value else None
    rows = json.loads(path.read_text()) if path and path.exists() else []
    for name in _FAMILIES.value:
        if any(row["name"] == name for row in rows):
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows.append(exported(name, pathlib.Path(folder)))
        print(json.dumps(rows[-1]), flush=True)
        if path:
            path.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    app.run(main)
