"""A path that ends as another kind of file is refused, with the call that writes it."""

import keras
import pytest

import tfqd
from tfqd.callbacks import CompressedCheckpoint

WRITERS = {
    "tfqd": tfqd.save,
    "checkpoint": lambda model, path: CompressedCheckpoint(path),
    "keras": tfqd.export.keras,
    "tflite": tfqd.export.tflite,
    "safetensors": tfqd.export.safetensors,
    "saved_model": tfqd.export.saved_model,
    "page": tfqd.html_report,
}


@pytest.fixture(scope="module")
def quantized():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    return tfqd.quantize_model(model, tfqd.presets.deployable(4))


@pytest.mark.parametrize(
    ("writer", "path", "message"),
    [
        ("tfqd", "m.keras", r"end in \.tfqd; .* model\.save\(path\), .* tfqd\.export\.keras\("),
        ("tfqd", "m.h5", r"end in \.tfqd; got 'm\.h5'; .* is written by model\.save\(path\)$"),
        ("tfqd", "M.TFLITE", r"a \.tflite file is written by tfqd\.export\.tflite\(model, path\)"),
        ("tfqd", "m.pb", r"a \.pb file is written by tfqd\.export\.saved_model\(model, folder\)"),
        ("tfqd", "served/", r"a SavedModel's folder is written by tfqd\.export\.saved_model\("),
        ("checkpoint", "best.weights.h5", r"end in \.tfqd; .* by model\.save\(path\)"),
        ("keras", "m.tfqd", r"end in \.keras; .* by tfqd\.save\(model, path\)"),
        ("keras", "m.h5", r"end in \.keras; .* by model\.save\(path\)"),
        ("keras", "M.KERAS", r"end in \.keras, in small letters, .*; got 'M\.KERAS'$"),
        ("keras", "m", r"end in \.keras; got 'm'$"),
        ("tflite", "m.keras", r"end in \.tflite; .* tfqd\.export\.keras\(model, path\)"),
        ("safetensors", "m.tfqd", r"end in \.safetensors; .* by tfqd\.save\(model, path\)"),
        ("tfqd", "m.safetensors", r"file is written by tfqd\.export\.safetensors\(model, path\)"),
        ("tflite", "m.onnx", r"end in \.tflite; got 'm\.onnx'$"),
        ("saved_model", "m.tflite", r"name a folder; got 'm\.tflite'; .* tfqd\.export\.tflite\("),
        ("saved_model", "saved_model.pb", r"name a folder; got 'saved_model\.pb'"),
        ("page", "m.tfqd", r"end in \.html; .* by tfqd\.save\(model, path\)"),
        ("page", "m", r"end in \.html; got 'm'$"),
        ("tfqd", "m.html", r"a \.html file is written by tfqd\.html_report\(model, path\)"),
    ],
)
def test_the_call_for_that_kind_is_named(writer, path, message, quantized, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        WRITERS[writer](quantized, path)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("writer", WRITERS)
def test_no_name_is_not_the_current_folder(writer, quantized, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="a path must not be empty; got ''"):
        WRITERS[writer](quantized, "")
    assert [*tmp_path.iterdir()] == []


def test_names_that_say_no_other_kind_are_taken(quantized, tmp_path):
    for name in ("m", "m.v2", "m.tfqd"):
        tfqd.save(quantized, tmp_path / name)
    tfqd.export.saved_model(quantized, f"{tmp_path}/served.v1/")
    assert {path.name for path in tmp_path.iterdir()} == {"m", "m.v2", "m.tfqd", "served.v1"}
