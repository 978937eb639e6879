"""Bits for a budget of a TFLite file, of one after gzip, and of a SavedModel's folder."""

import gzip

import keras
import numpy as np
import pytest
from keras import layers

import tfqd

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(96, 40)).astype("float32")
Y = np.stack([X[:, 0] * X[:, 1], X[:, 2]], axis=1)
UNITS = (120, 90, 110, 70, 60, 100, 50, 40)


@pytest.fixture(scope="module")
def model():
    """Some layers of different sizes, so that budgets can be used up by bits alone."""
    keras.utils.set_random_seed(0)
    parts = [layers.Dense(units, "relu", name=f"d{i}") for i, units in enumerate(UNITS)]
    model = keras.Sequential([keras.Input((40,), name="x"), *parts, layers.Dense(2, name="y")])
    model.compile("adam", "mse")
    return model


def written(quantized, file, folder):
    """The file that a user writes, and its bytes as the budget counts them."""
    if file == "saved_model":
        tfqd.export.saved_model(quantized, folder)
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    report = tfqd.export.tflite(quantized, folder / "m.tflite", strict=True).report
    data = (folder / "m.tflite").read_bytes()
    assert report.gzip_bytes == len(gzip.compress(data, 9, mtime=0))
    return len(data) if file == "tflite" else report.gzip_bytes


@pytest.mark.parametrize(
    ("file", "budget"),
    [
        *[("tflite", budget) for budget in ("38 kB", "46 kB", "55 kB")],
        *[("tflite_gzip", budget) for budget in (18_000, 26_000, 40_000)],
        *[("saved_model", budget) for budget in ("165 kB", "180 kB", "195 kB")],
    ],
)
def test_files_keep_to_three_budgets_within_5_percent_and_never_over(file, budget, model, tmp_path):
    allocation = tfqd.allocate_bits(model, (X, Y), budget=budget, file=file, steps=2)
    size = written(tfqd.quantize_model(model, allocation), file, tmp_path)
    limit = tfqd.spec.budget.parse_bytes(budget)
    assert 0.95 * limit <= size <= limit
    assert abs(size - allocation.size) <= 32


def test_what_takes_8_bits_anyway_is_given_them(tmp_path):
    image = keras.Input((6, 6, 16), name="x")
    y = layers.Flatten()(layers.Conv2D(24, 3, name="convolution")(image))
    model = keras.Model(image, layers.Dense(16, name="dense")(y))
    x = RANDOM.normal(size=(16, 6, 6, 16)).astype("float32")
    data = x, np.ones((16, 16), "float32")
    allocation = tfqd.allocate_bits(model, data, budget="9 kB", file="tflite", loss="mse")
    bits = {share.path: share.bits for share in allocation.shares}
    assert bits["convolution/kernel"] > 7
    assert bits["dense/kernel"] < 4
    assert written(tfqd.quantize_model(model, allocation), "tflite", tmp_path) <= 9000
    options = {"budget": "7.5 kB", "file": "tflite", "loss": "mse"}
    with pytest.raises(tfqd.allocation.OverBudget, match="more than the budget of 7500"):
        tfqd.allocate_bits(model, data, **options)
    small = tfqd.quantize_model(model, tfqd.allocate_bits(model, data, prefer="size", **options))
    path = tmp_path / "small.tflite"
    assert tfqd.export.tflite(small, path, prefer="size").report.bytes <= 7500


@pytest.mark.parametrize("file", ["tflite", "tflite_gzip"])
def test_what_a_tflite_file_cannot_hold_in_bits_is_refused(file, model):
    with pytest.raises(ValueError, match=r"are float32 in the TFLite file: .*presets\.deployable"):
        tfqd.allocate_bits(model, (X, Y), budget="60 kB", file=file, spec=tfqd.Uniform())


def test_bad_files_and_budgets_are_refused(model):
    with pytest.raises(ValueError, match=r"file must be one of 'archive', .*; got 'onnx'"):
        tfqd.allocate_bits(model, (X, Y), budget="60 kB", file="onnx")
    with pytest.raises(ValueError, match="prefer='size' is about TFLite files; got file='archive'"):
        tfqd.allocate_bits(model, (X, Y), budget="60 kB", prefer="size")
    with pytest.raises(ValueError, match="file='tflite' needs budget"):
        tfqd.allocate_bits(model, (X, Y), average_bits=3, file="tflite")
    with pytest.raises(ValueError, match="the smallest TFLite file that these choices give takes"):
        tfqd.allocate_bits(model, (X, Y), budget="9 kB", file="tflite", steps=1)
