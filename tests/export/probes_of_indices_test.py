"""Probes of inputs of floats that hold indices are indices."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.export import probes as probing
from tfqd.export.origin import origin_of

ROWS = 3000  # more than float16 tells apart


def tagger(kit, rows=ROWS, dtype=None):
    x = kit.Input((14,), dtype=dtype, name="x")
    features = kit.layers.Flatten()(kit.layers.Embedding(rows, 4, name="table")(x))
    return kit.Model(x, kit.layers.Dense(3)(features))


class Tagger(keras.Model):
    eager = False

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.table, self.classes = keras.layers.Embedding(ROWS, 4), keras.layers.Dense(3)

    def call(self, x):
        if self.eager:
            tf.convert_to_tensor(x).numpy()
        return self.classes(keras.ops.mean(self.table(x), axis=1))


def subclassed():
    model = Tagger()
    model(np.zeros((1, 14), np.int32))
    return model


@pytest.mark.parametrize(
    "model", [tagger(keras), tagger(tf_keras), subclassed()], ids=["keras", "tf_keras", "subclass"]
)
def test_they_are_below_the_number_of_rows(model):
    (array,) = origin_of(model).probes.inputs.values()
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, np.round(array))
    assert array.min() >= 0
    assert ROWS / 2 < array.max() < ROWS


def test_the_smallest_table_that_an_input_asks_counts_and_no_other():
    x, image = keras.Input((14,), name="x"), keras.Input((20,), name="image")
    tables = [keras.layers.Embedding(rows, 4)(x) for rows in (ROWS, 90)]
    y = keras.layers.Flatten()(keras.layers.Add()(tables))
    model = keras.Model([x, image], keras.layers.Concatenate()([y, keras.layers.Dense(3)(image)]))
    inputs = origin_of(model).probes.inputs
    assert 45 < inputs["x"].max() < 90
    assert inputs["image"].min() < 0


def test_of_numbers_before_an_offset_nothing_is_known():
    x = keras.Input((14,), name="x")
    y = keras.layers.Embedding(20, 4)(keras.ops.abs(x) + 10)
    (array,) = origin_of(keras.Model(x, y)).probes.inputs.values()
    assert array.min() < 0


def test_a_call_that_is_not_traced_is_asked_normal_numbers():
    model = subclassed()
    model.eager = True
    (array,) = origin_of(model).probes.inputs.values()
    assert array.min() < 0


def test_they_are_kept_as_a_run():
    origin = origin_of(tagger(keras))
    compact = probing.compacted(origin.signature, origin.probes)
    assert (compact.inputs["x"].dtype, compact.inputs["x"].shape) == (np.float32, (28,))
    longer = np.resize(np.arange(2040, 2101).astype(np.float32), (2, 200))
    assert probing.run_of(longer).shape == (61,)


@pytest.mark.parametrize("kit", [keras, tf_keras])
def test_every_file_is_asked_for_rows(kit, tmp_path):
    model = tfqd.quantize_model(tagger(kit), tfqd.presets.deployable(8))
    for export, name in (
        (tfqd.save, "m.tfqd"),
        (tfqd.export.saved_model, "served"),
        (tfqd.export.keras, "m.keras"),
        (tfqd.export.tflite, "m.tflite"),
    ):
        export(model, tmp_path / name)
        tfqd.export.verify(tmp_path / name)
    stored = tfqd.load(tmp_path / "m.tfqd", "compressed").probes.inputs["x"]
    assert stored.max() > ROWS / 2


@pytest.mark.parametrize("kit", [keras, tf_keras])
def test_a_file_of_integers_is_asked_for_rows(kit, tmp_path):
    spec = tfqd.Activations(without_kernel="float")
    model = tfqd.quantize_model(tagger(kit, 300), tfqd.presets.deployable(8), activations=spec)
    tfqd.calibrate(model, np.random.default_rng(0).integers(0, 300, (32, 14)))
    assert tfqd.export.tflite(model, tmp_path / "m.tflite").largest_difference < 0.1
