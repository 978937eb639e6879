"""Where the dtypes of a served model's inputs come from."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.export.warmup import FILE, prediction_log

TOKENS = np.random.default_rng(0).integers(0, 30, (4, 6)).astype(np.int32)


@keras.saving.register_keras_serializable("input_dtypes_test")
class Tagger(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.table, self.flat = keras.layers.Embedding(30, 4), keras.layers.Flatten()

    def call(self, x):
        return self.flat(self.table(x))


@keras.saving.register_keras_serializable("input_dtypes_test")
class Scores(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def subclassed():
    model = Tagger()
    model(TOKENS)
    return model


def dtype_served(path):
    serve = tf.saved_model.load(str(path / "1")).signatures["serving_default"]
    ((_, spec),) = serve.structured_input_signature[1].items()
    return spec.dtype.name


@pytest.mark.parametrize(
    ("examples", "dtype"),
    [
        ({}, "float32"),
        ({"warmup": TOKENS[:1]}, "int32"),
        ({"probes": TOKENS}, "int32"),
        ({"warmup": TOKENS[:1], "probes": TOKENS.astype(np.int64)}, "int64"),
    ],
    ids=["none", "warmup", "probes", "both"],
)
def test_a_subclassed_model_has_them_of_probes_and_then_of_warm_up(examples, dtype, tmp_path):
    tfqd.export.saved_model(subclassed(), tmp_path, **examples)
    assert dtype_served(tmp_path) == dtype


def test_the_request_has_the_dtype_and_probes_are_indices(tmp_path):
    model = tfqd.quantize_model(subclassed(), 4)
    tfqd.export.saved_model(model, tmp_path / "tags", warmup=TOKENS[:1])
    (record,) = tf.data.TFRecordDataset(str(tmp_path / "tags/1" / FILE))
    serve = tf.saved_model.load(str(tmp_path / "tags/1")).signatures["serving_default"]
    (name,) = serve.structured_input_signature[1]
    assert record.numpy() == prediction_log("tags", {name: TOKENS[:1]})
    (answers,) = serve(**{name: tf.constant(TOKENS)}).values()
    np.testing.assert_allclose(answers, model(TOKENS), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kit", [keras, tf_keras])
def test_input_layers_say_their_own(kit, tmp_path):
    x = kit.Input((6,), name="x")
    model = kit.Model(x, kit.layers.Embedding(30, 4)(x))
    tfqd.export.saved_model(model, tmp_path, warmup=TOKENS[:1])
    assert dtype_served(tmp_path) == "float32"


def test_an_archive_s_own_probes_come_before_warm_up(tmp_path):
    file = tmp_path / "m.tfqd"
    model = tfqd.quantize_model(subclassed(), 4)
    tfqd.save(model, file, probes=TOKENS.astype(np.int64))
    compressed = tfqd.load(file, "compressed")
    tfqd.export.saved_model(compressed, tmp_path / "served", warmup=TOKENS[:1])
    assert dtype_served(tmp_path / "served") == "int64"


@pytest.mark.parametrize("dtype", [None, "float32", "float16"])
def test_an_archive_keeps_the_dtype_of_random_numbers(dtype, tmp_path):
    model = Scores()
    model(np.zeros((1, 5), np.float32))
    quantized = tfqd.quantize_model(model, 4)
    # As random ones are: two examples of numbers that float16 holds.
    numbers = np.linspace(-1, 1, 10).reshape(2, 5).astype(np.float16)
    probes = None if dtype is None else numbers.astype(dtype)
    tfqd.save(quantized, tmp_path / "m.tfqd", probes=probes)
    compressed = tfqd.load(tmp_path / "m.tfqd", "compressed")
    tfqd.export.saved_model(compressed, tmp_path / "served")
    assert dtype_served(tmp_path / "served") == (dtype or "float32")
    assert tfqd.export.verify(tmp_path / "m.tfqd").largest_difference <= 1e-5


@pytest.mark.parametrize("kit", [keras, tf_keras])
@pytest.mark.parametrize("probes", [None, np.float32([0.1, 0.2, 0.3])])
def test_archives_of_inputs_that_are_one_number_an_example_are_written(kit, probes, tmp_path):
    x = kit.Input((), name="x")
    model = kit.Model(x, kit.layers.Dense(3)(kit.layers.Reshape((1,))(x)))
    tfqd.save(tfqd.quantize_model(model, 4), tmp_path / "m.tfqd", probes=probes)
    compressed = tfqd.load(tmp_path / "m.tfqd", "compressed")
    tfqd.export.saved_model(compressed, tmp_path / "served")
    assert dtype_served(tmp_path / "served") == "float32"


def test_warm_up_of_too_many_inputs_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"warmup must be 1 arrays, for .*; got 2"):
        tfqd.export.saved_model(subclassed(), tmp_path, warmup=[TOKENS, TOKENS])
