"""`tfqd.evaluate` on models and files of all kinds, and on what it must refuse."""

import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.evaluation import MEASURES, TrainingCost

X = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
SCORES = X @ np.random.default_rng(1).normal(size=(8, 3))
CLASSES = SCORES.argmax(-1)


def network(version, units=3, activation=None):
    layers = version.layers
    hidden = layers.Dense(16, activation="relu")
    return version.Sequential([layers.Input((8,)), hidden, layers.Dense(units, activation)])


def trained(version, units, activation, loss, y):
    version.utils.set_random_seed(0)
    model = network(version, units, activation)
    model.compile(version.optimizers.Adam(0.03), loss)
    model.fit(X, y, epochs=8, verbose=0)
    return model


@pytest.fixture(scope="module", params=[keras, tf_keras], ids=["keras", "tf_keras"])
def classifier(request):
    loss = request.param.losses.SparseCategoricalCrossentropy(from_logits=True)
    return trained(request.param, 3, None, loss, CLASSES)


def test_sides_are_measured_of_models_and_files(classifier, tmp_path):
    small = tfqd.quantize_model(classifier, tfqd.presets.deployable(2))
    tfqd.save(small, tmp_path / "s.tfqd")
    tfqd.export.tflite(small, tmp_path / "s.tflite")
    models = {
        "float": classifier,
        "2 bits": small,
        "archive": tmp_path / "s.tfqd",
        "file": str(tmp_path / "s.tflite"),
        "compressed": tfqd.compress(small),
    }
    found = tfqd.evaluate(
        models, (X, CLASSES), corruptions=5, training={"2 bits": TrainingCost(10, 1.5)}
    )
    assert (found.reference, found.examples, found.notes) == ("float", 300, {})
    first = found.values["float"]
    assert first["accuracy"] > 0.9
    assert (first["retained"], first["agreement"], first["latency"]) == (1, 1, 1)
    assert (first["lost"], first["gained"]) == (0, 0)
    assert first["corrupted"] < first["accuracy"]
    two = found.values["2 bits"]
    assert two["accuracy"] - first["accuracy"] == pytest.approx(two["gained"] - two["lost"])
    assert two["agreement"] < 1
    assert two["archive_bytes"] == (tmp_path / "s.tfqd").stat().st_size
    assert two["tflite_bytes"] == (tmp_path / "s.tflite").stat().st_size
    assert two["archive_bytes"] < first["archive_bytes"]
    assert (two["steps"], two["seconds"]) == (10, 1.5)
    assert two["memory"] > 0
    for name in ("archive", "file", "compressed"):
        each = found.values[name]
        assert each["accuracy"] == pytest.approx(two["accuracy"], abs=0.01)
        assert each["calibration_error"] == pytest.approx(two["calibration_error"], abs=0.01)
    ratios = [
        found.classes["2 bits"][each] / share for each, share in found.classes["float"].items()
    ]
    assert two["retained"] == pytest.approx(np.mean(ratios))
    assert two["worst_retained"] == pytest.approx(min(ratios))
    assert json.loads(json.dumps(found.to_dict()))["values"]["2 bits"]["steps"] == 10
    printed = str(found)
    for title in ("Performance", "Reliability", "Efficiency", "calibration error", "2 bits"):
        assert title in printed
    assert {key for each in found.values.values() for key in each} <= MEASURES.keys()


@pytest.mark.parametrize("kit", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_what_cannot_be_trained_on_is_measured(kit, tmp_path):
    # Its scales, rounded in the file, are those of no float weights.
    spec = tfqd.Uniform(bits=4, scaling="symmetric", scale_grid="bfloat16")
    small, path = tfqd.quantize_model(network(kit), spec), tmp_path / "s.tfqd"
    tfqd.save(small, path, scale_dtype="bfloat16")
    models = {"archive": path, "compressed": tfqd.load(path, "compressed")}
    found = tfqd.evaluate(models, (X, CLASSES))
    share = np.mean(tfqd.load(path).predict(X, verbose=0).argmax(-1) == CLASSES)
    for each in found.values.values():
        assert each["accuracy"] == share
        assert each["tflite_bytes"] > 0
    assert found.values["archive"]["archive_bytes"] == path.stat().st_size
    again = tmp_path / "again.tfqd"
    tfqd.save(models["compressed"], again)
    assert found.values["compressed"]["archive_bytes"] == again.stat().st_size


def test_labels_may_be_one_hot_and_data_a_dataset(classifier):
    expected = tfqd.evaluate({"m": classifier}, (X, CLASSES), efficiency=False)
    one_hot = np.eye(3)[CLASSES]
    batches = tf.data.Dataset.from_tensor_slices((X, one_hot)).batch(64)
    for data in (batches, (X, CLASSES.astype("float32"))):
        found = tfqd.evaluate({"m": classifier}, data, efficiency=False)
        assert found.values["m"] == pytest.approx(expected.values["m"])


def test_probabilities_and_logits_are_scored_alike():
    y = (SCORES[:, 0] > 0).astype(int)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    logits = trained(keras, 1, None, loss, y)
    sigmoid = network(keras, 1, "sigmoid")
    sigmoid.set_weights(logits.get_weights())
    found = [
        tfqd.evaluate({"m": each}, (X, y), efficiency=False).values["m"]
        for each in (logits, sigmoid)
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-5)
    assert found[0]["accuracy"] > 0.9


def test_a_regression_has_errors():
    y = SCORES[:, :1].astype(np.float32)
    model = trained(keras, 1, None, "mse", y)
    small = tfqd.quantize_model(model, 2)
    found = tfqd.evaluate(
        {"float": model, "2 bits": small}, (X, y), corruptions=True, efficiency=False
    )
    first, two = found.values["float"], found.values["2 bits"]
    expected = np.sqrt(np.mean(np.square(model.predict(X, verbose=0) - y)))
    assert first["error"] == pytest.approx(expected, rel=1e-5)
    assert first["difference"] == 0 < two["difference"]
    assert first["corrupted_error"] > first["error"]
    assert found.classes == {}


@pytest.mark.parametrize("kit", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("names", [None, ("first", "second")], ids=["list", "dict"])
def test_a_model_may_have_several_inputs(names, kit):
    both = [kit.Input((4,), name="first"), kit.Input((4,), name="second")]
    scores = kit.layers.Dense(3)(kit.layers.Concatenate()(both))
    halves = [X[:, :4], X[:, 4:]]
    if names:
        both, halves = dict(zip(names, both, strict=True)), dict(zip(names, halves, strict=True))
    model = kit.Model(both, scores)
    expected = np.mean(model.predict(halves, verbose=0).argmax(-1) == CLASSES)
    models = {"float": model, "8 bits": tfqd.quantize_model(model, 8)}
    found = tfqd.evaluate(models, (halves, CLASSES), efficiency=False, batch_size=128)
    assert found.values["float"]["accuracy"] == expected
    assert found.examples == len(CLASSES)


def test_what_has_no_file_is_noted():
    unknown = keras.Sequential([keras.Input((8,)), keras.layers.Lambda(abs), keras.layers.Dense(3)])
    found = tfqd.evaluate({"odd": unknown, "plain": network(keras)}, (X, CLASSES))
    assert found.notes.keys() == {"odd"}
    assert found.notes["odd"].startswith("not all of its files can be made: the architecture")
    assert "latency" not in found.values["plain"]
    assert found.values["plain"]["tflite_bytes"] > 0
    assert found.notes["odd"] in str(found)


OTHER = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
GOOD = {"m": network(keras)}
BAD = [
    ({}, (X, CLASSES), {}, "models must have one model at least; got none"),
    (GOOD, (X, CLASSES + 1), {}, "labels must be classes from 0 to 2"),
    (GOOD, (X, CLASSES[:-1]), {}, "as many labels as inputs; got 299 and 300"),
    (GOOD, (X, np.zeros((300, 2))), {}, "and type float64 do not fit answers of shape"),
    (GOOD, (X[:0], CLASSES[:0]), {}, "data has no example"),
    ({**GOOD, "other": OTHER}, (X, CLASSES), {}, "other must answer in the shape of m, (300, 3)"),
    (GOOD, (X, CLASSES), {"corruptions": [6]}, "strengths from 1 to 5; got [6]"),
    (GOOD, (X, CLASSES), {"corruptions": 6}, "strengths from 1 to 5; got 6"),
    (GOOD, (X, CLASSES), {"training": {"x": (1, 2.0)}}, "training must be of m; got x"),
    (GOOD, (X, CLASSES), {"batch_size": 0}, "batch_size must be a positive integer"),
]


@pytest.mark.parametrize(("models", "data", "options", "message"), BAD)
def test_bad_input_is_named(models, data, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        tfqd.evaluate(models, data, efficiency=False, **options)


@pytest.mark.parametrize("ending", ["tflite", "tfqd"])
def test_file_that_is_junk_is_named(tmp_path, ending):
    junk = tmp_path / f"junk.{ending}"
    junk.write_bytes(b"junk" * 100)
    with pytest.raises(ValueError, match=f"^{re.escape(str(junk))}: "):
        tfqd.evaluate({**GOOD, "other": junk}, (X, CLASSES))


def test_what_is_no_model_is_a_type_error():
    with pytest.raises(TypeError, match="must be a Keras model; got int"):
        tfqd.evaluate({"m": 3}, (X, CLASSES))
    with pytest.raises(TypeError, match="data must be"):
        tfqd.evaluate(GOOD, 3)
    with pytest.raises(TypeError, match="models must be a mapping of names to models; got list"):
        tfqd.evaluate([*GOOD.values()], (X, CLASSES))


def test_data_without_an_end_is_refused():
    endless = tf.data.Dataset.from_tensors((X, CLASSES)).repeat()
    with pytest.raises(ValueError, match="data has no end"):
        tfqd.evaluate(GOOD, endless)
