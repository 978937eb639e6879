"""What `tfqd.export.saved_model` writes, how large it is, and what it refuses."""

import dataclasses
import os
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from garbage import collected
from keras import layers
from served_models import CASES

import tfqd
from tfqd.compressed import Probes
from tfqd.export.warmup import FILE, prediction_log

DENSE = CASES["dense of 4 bits"]


@keras.saving.register_keras_serializable(package="tfqd_export_tests")
class Unfaithful(layers.Layer):
    """Answers otherwise once it is a part of a graph, as a broken export would."""

    def call(self, x):
        return x if tf.executing_eagerly() else x * 1.001


def unfaithful():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3), Unfaithful()])


def bytes_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def answers_of(folder, **inputs):
    """What the serving signature answers."""
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return serve(**{name: tf.constant(array) for name, array in inputs.items()})


def assert_serves(folder, case, model):
    answers = answers_of(folder, **case.inputs)
    for name, expected in case.answers(model).items():
        np.testing.assert_allclose(answers[name], expected, rtol=0, atol=1e-5 * abs(expected).max())


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """The folder of a dense model's third version, and what came of writing it."""
    folder = tmp_path_factory.mktemp("served") / "dense"
    return folder, tfqd.export.saved_model(DENSE.quantized(), folder, version=3)


def test_the_folder_is_as_serving_expects_it(dense):
    folder, verification = dense
    assert verification.kind == "saved_model"
    assert verification.largest_difference <= verification.tolerance == 1e-5
    assert os.listdir(folder) == ["3"]
    files = {p.relative_to(folder / "3").as_posix() for p in folder.rglob("*") if p.is_file()}
    assert files == {
        "saved_model.pb",
        "fingerprint.pb",
        "variables/variables.index",
        "variables/variables.data-00000-of-00001",
        "assets.extra/tfqd_probes.npz",
    }


@pytest.mark.parametrize("batch", [1, 7])
def test_the_batch_dimension_is_free(dense, batch):
    folder, _ = dense
    x = np.ones((batch, 20), np.float32)
    assert answers_of(folder / "3", features=x)["scores"].shape == (batch, 5)


def test_the_function_serve_answers_too(dense):
    folder, _ = dense
    loaded = tf.saved_model.load(str(folder / "3"))
    x = tf.constant(DENSE.inputs["features"])
    expected = loaded.signatures["serving_default"](features=x)["scores"]
    np.testing.assert_array_equal(loaded.serve(features=x)["scores"], expected)


def test_float_models_are_served_as_they_are(tmp_path):
    model = DENSE.build()
    big = keras.Sequential([keras.Input((20,), name="features"), layers.Dense(1000, name="scores")])
    for name, model in (("small", DENSE.build()), ("in variables", big)):
        assert tfqd.export.saved_model(model, tmp_path / name).largest_difference <= 1e-5
        assert_serves(tmp_path / name / "1", DENSE, model)


def test_compressed_models_are_served_again_and_again(tmp_path):
    case = CASES["convolutional"]
    quantized = case.quantized()
    compressed = tfqd.compress(quantized)
    for version in (1, 2):
        tfqd.export.saved_model(compressed, tmp_path, version=version)
        assert_serves(tmp_path / str(version), case, quantized)


def test_the_probes_of_a_compressed_model_are_what_counts(tmp_path):
    quantized = DENSE.quantized()
    answers = DENSE.answers(quantized)
    compressed = tfqd.compress(quantized)
    right = dataclasses.replace(compressed, probes=Probes(DENSE.inputs, answers))
    tfqd.export.saved_model(right, tmp_path / "right")
    other = {"scores": answers["scores"] + 1e-3}
    wrong = dataclasses.replace(compressed, probes=Probes(DENSE.inputs, other))
    with pytest.raises(tfqd.export.VerificationError, match="disagree on the probes"):
        tfqd.export.saved_model(wrong, tmp_path / "wrong")


def test_statistics_of_normalization_are_served(tmp_path):
    normalization = layers.Normalization()
    normalization.adapt(np.random.default_rng(0).normal(3, 5, (50, 20)))
    stack = [keras.Input((20,), name="features"), normalization, layers.Dense(5, name="scores")]
    quantized = tfqd.quantize_model(keras.Sequential(stack), tfqd.Uniform(bits=4))
    for name, model in (("model", quantized), ("compressed", tfqd.compress(quantized))):
        tfqd.export.saved_model(model, tmp_path / name)
        assert_serves(tmp_path / name / "1", DENSE, quantized)


@pytest.mark.parametrize(
    ("case", "dtype", "tolerance"),
    [
        ("convolutional", "bfloat16", 5e-2),
        ("convolutional", "float16", 1e-2),
        ("recurrent", "bfloat16", 5e-2),
        ("attention", "float16", 1e-2),
    ],
)
def test_short_types_compute_shortly_and_say_what_they_cost(tmp_path, case, dtype, tolerance):
    quantized = CASES[case].quantized()
    verification = tfqd.export.saved_model(quantized, tmp_path, dtype=dtype)
    assert verification.tolerance == tolerance
    assert 1e-5 < verification.largest_difference <= tolerance
    for name, output in answers_of(tmp_path / "1", **CASES[case].inputs).items():
        assert output.dtype == tf.float32
        expected = CASES[case].answers(quantized)[name]
        assert np.abs(output - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize("dtype", [None, "float32", "bfloat16"])
def test_mixed_precision_is_kept_lifted_or_carried_through(tmp_path, dtype):
    policy = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
    stack = [keras.Input((20,)), layers.Dense(64, dtype=policy), layers.Dense(5, dtype=policy)]
    quantized = tfqd.quantize_model(keras.Sequential(stack), tfqd.Uniform(bits=4))
    verification = tfqd.export.saved_model(quantized, tmp_path, dtype=dtype)
    assert verification.tolerance == 5e-2
    assert verification.largest_difference < 2e-2


def test_warm_up_requests_are_written(tmp_path):
    case = CASES["several inputs, mixed"]
    tfqd.export.saved_model(case.quantized(), tmp_path / "shop", warmup=case.inputs)
    (record,) = tf.data.TFRecordDataset(str(tmp_path / "shop/1" / FILE))
    assert record.numpy() == prediction_log("shop", case.inputs)


def test_models_loaded_together_do_not_share_weights(tmp_path):
    quantized = {name: CASES[name].quantized() for name in ("dense of 3 bits", "dense of 4 bits")}
    for name, model in quantized.items():
        tfqd.export.saved_model(model, tmp_path / name)
    paths = [str(tmp_path / name / "1") for name in quantized for _ in range(2)]
    with collected():
        first, second, third, fourth = [tf.saved_model.load(path) for path in paths]
        del first, third
    for loaded, (name, model) in zip((second, fourth), quantized.items(), strict=True):
        case = CASES[name]
        answer = loaded.serve(features=tf.constant(case.inputs["features"]))["scores"]
        np.testing.assert_allclose(answer, case.answers(model)["scores"], rtol=1e-4, atol=1e-5)


def test_packed_bytes_on_disk_and_seven_times_smaller_than_float(tmp_path):
    hidden = [layers.Dense(units, activation="relu") for units in (2048, 2048, 256)]
    model = keras.Sequential([keras.Input((1024,)), *hidden, layers.Dense(16)])
    compressed = tfqd.compress(tfqd.quantize_model(model, tfqd.presets.paper(4)))
    tfqd.export.saved_model(compressed, tmp_path)
    assert 7 * bytes_of(tmp_path) <= 4 * model.count_params()

    report = tfqd.size_report(compressed)
    packed = report.total.fixed_bytes - report.rest.fixed_bytes
    assert bytes_of(tmp_path / "1" / "variables") <= 1.03 * packed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": 0}, "version must be a positive integer; got 0"),
        ({"version": "1"}, "version must be a positive integer; got '1'"),
        ({"dtype": "int8"}, "dtype must be one of None, 'float32', 'bfloat16', 'float16'"),
        ({"tolerance": 0}, "tolerance must be None or a positive finite number; got 0"),
        ({"warmup": np.ones((2, 3))}, r"warmup: input 'features' must be float32 of shape"),
        ({"probes": np.ones((2, 3))}, r"probes: input 'features' must be float32 of shape"),
        ({"probes": np.full((2, 20), np.nan)}, "is NaN or infinite on the probes"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_arguments_are_refused_and_leave_nothing(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        tfqd.export.saved_model(DENSE.quantized(), tmp_path / "served", **arguments)
    assert os.listdir(tmp_path) == []


def test_other_things_than_models_are_refused(tmp_path):
    with pytest.raises(TypeError, match="model must be a Keras model; got str"):
        tfqd.export.saved_model("model.keras", tmp_path)


def test_weights_without_an_architecture_are_refused(tmp_path):
    compressed = dataclasses.replace(tfqd.compress(DENSE.quantized()), architecture=None)
    with pytest.raises(ValueError, match="architecture"):
        tfqd.export.saved_model(compressed, tmp_path / "served")
    assert os.listdir(tmp_path) == []


def test_a_version_is_never_overwritten(tmp_path):
    quantized = DENSE.quantized()
    tfqd.export.saved_model(quantized, tmp_path)
    before = bytes_of(tmp_path)
    message = f"version 1 exists already, as {re.escape(str(tmp_path / '1'))}"
    with pytest.raises(ValueError, match=message):
        tfqd.export.saved_model(quantized, tmp_path)
    assert bytes_of(tmp_path) == before


def test_the_tolerance_can_be_set_and_is_kept(tmp_path):
    verification = tfqd.export.saved_model(unfaithful(), tmp_path / "served", tolerance=0.01)
    assert verification.largest_difference == pytest.approx(1e-3, rel=1e-2)
    assert tfqd.export.verify(tmp_path / "served") == verification
    tfqd.export.keras(DENSE.quantized(), tmp_path / "model.keras", tolerance=0.5)
    assert tfqd.export.verify(tmp_path / "model.keras").tolerance == 0.5


def test_an_export_that_answers_otherwise_is_removed(tmp_path):
    message = r"disagree on the probes: the largest difference is 0\.00\d+ of the largest output"
    with pytest.raises(tfqd.export.VerificationError, match=message):
        tfqd.export.saved_model(unfaithful(), tmp_path / "served")
    assert os.listdir(tmp_path) == []
