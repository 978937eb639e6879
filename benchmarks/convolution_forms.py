"""What the forms of a convolution of 4 bits take: the numbers that `slowdown=` chooses by.

    python benchmarks/convolution_forms.py --output benchmarks/results/convolution_forms.json

A layer alone in a file, in each form that is exact: bytes of the file, and LiteRT's time on one
thread over that of the INT8 form, median over --rounds rounds; beside it what
`tfqd.export.tflite` expects of the form.
"""

import json
import pathlib
import tempfile
from unittest import mock

import keras
from absl import app, flags
from tflite_latency import latencies, processor

import tfqd
from tfqd.export.litert.lowering import readings
from tfqd.export.litert.lowering.forms import ConvolutionForm

_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; printed anyway.")
_ROUNDS = flags.DEFINE_integer("rounds", 15, "Counted rounds.", lower_bound=1)

# Height and width, channels, output channels, kernel, stride; the first are ResNet-8's.
LAYERS = (
    (32, 3, 16, 3, 1),
    (32, 16, 16, 3, 1),
    (32, 16, 32, 3, 2),
    (16, 32, 32, 3, 1),
    (16, 32, 64, 3, 2),
    (8, 64, 64, 3, 1),
    (32, 16, 32, 1, 2),
    (16, 32, 64, 1, 2),
    (16, 128, 128, 3, 1),
    (8, 256, 256, 3, 1),
    (16, 128, 128, 1, 1),
)


def measure(layer: tuple[int, ...], folder: pathlib.Path) -> list[dict]:
    """A row for each form of a layer."""
    size, channels, outputs, kernel, stride = layer
    convolution = keras.layers.Conv2D(outputs, kernel, stride, "same", activation="relu")
    model = keras.Sequential([keras.Input((size, size, channels)), convolution])
    quantized = tfqd.quantize_model(model, tfqd.presets.deployable(4))
    costs, files, bytes = {}, {}, {}
    for form in ConvolutionForm:

        def fixed(layers, other, slowdown, form=form):
            costs.update(layers[0])
            return [form]

        path = folder / f"{form.name}.tflite"
        with mock.patch.object(readings, "chosen_forms", fixed):
            result = tfqd.export.tflite(quantized, path, slowdown=1, tolerance=0.5)
        # `latencies` compares with what is called float.
        files["float" if form is ConvolutionForm.INT8 else form.name] = path
        bytes[form] = result.report.bytes
    taken = latencies(files, 1, _ROUNDS.value)
    return [
        {
            "layer": layer,
            "form": form.name,
            "bytes": bytes[form],
            "time": taken["float" if form is ConvolutionForm.INT8 else form.name],
            "expected": round(costs[form].time / costs[ConvolutionForm.INT8].time, 2),
        }
        for form in ConvolutionForm
    ]


def main(argv) -> None:
    del argv
    keras.utils.set_random_seed(0)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for layer in LAYERS:
            rows += measure(layer, pathlib.Path(folder))
            print(json.dumps(rows[-3:]), flush=True)
    result = {"processor": processor(), "rounds": _ROUNDS.value, "rows": rows}
    if _OUTPUT.value:
        pathlib.Path(_OUTPUT.value).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    app.run(main)
