"""The reference's compiled loss and metrics, of every model and file."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 8)).astype(np.float32)
CLASSES = RNG.integers(0, 4, 120)
KITS = pytest.mark.parametrize("kit", [keras, tf_keras], ids=["keras", "tf_keras"])


def compiled(kit, metrics):
    kit.utils.set_random_seed(0)
    model = kit.Sequential([kit.layers.Input((8,)), kit.layers.Dense(4, name="scores")])
    loss = kit.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=metrics, weighted_metrics=["accuracy"])
    return model


@KITS
def test_they_are_what_evaluate_says_of_models_and_files(kit, tmp_path):
    model = compiled(kit, [kit.metrics.SparseTopKCategoricalAccuracy(2, name="best two")])
    small = tfqd.quantize_model(model, tfqd.presets.deployable(3))
    tfqd.export.tflite(small, tmp_path / "s.tflite")
    weights = RNG.random(120)
    models = {"float": model, "3 bits": small, "file": tmp_path / "s.tflite"}
    found = tfqd.evaluate(models, (X, CLASSES, weights), efficiency=False)
    expected = model.evaluate(X, CLASSES, sample_weight=weights, verbose=0, return_dict=True)
    assert found.compiled["float"] == pytest.approx(expected, rel=1e-4)
    assert found.compiled["3 bits"] == pytest.approx(found.compiled["file"], rel=0.05)
    assert found.compiled["3 bits"]["loss"] != found.compiled["float"]["loss"]
    assert "best two" in str(found)
    assert found.to_dict()["compiled"]["file"].keys() == expected.keys()


@KITS
def test_masked_steps_are_left_out_of_them(kit):
    layers = kit.layers
    model = kit.Sequential(
        [layers.Input((5,)), layers.Embedding(9, 4, mask_zero=True), layers.Dense(3)]
    )
    loss = kit.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    tokens, tags = RNG.integers(1, 9, (40, 5)), RNG.integers(0, 3, (40, 5))
    tokens[:, 3:] = 0
    found = tfqd.evaluate({"m": model}, (tokens, tags), efficiency=False)
    right = model.predict(tokens, verbose=0).argmax(-1) == tags
    assert found.compiled["m"]["accuracy"] == pytest.approx(right[:, :3].mean())


def test_a_metric_that_cannot_be_made_again_is_noted():
    def own(y_true, y_pred):
        return y_pred[:, 0]

    found = tfqd.evaluate({"m": compiled(keras, [own])}, (X, CLASSES), efficiency=False)
    assert found.compiled == {}
    assert found.notes["m"].startswith("its compiled metrics cannot be computed: ")
    assert found.notes["m"] in str(found)


def test_logits_are_not_given_to_metrics_of_probabilities():
    logits = compiled(keras, ["accuracy"])
    softmax = keras.Sequential([logits, keras.layers.Softmax()])
    found = tfqd.evaluate({"m": logits, "soft": softmax}, (X, CLASSES), efficiency=False)
    assert found.compiled.keys() == {"m"}
    assert "one has logits, one probabilities" in found.notes["soft"]


def test_a_model_that_is_not_compiled_has_none():
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    found = tfqd.evaluate({"m": model}, (X, CLASSES), efficiency=False)
    assert (found.compiled, found.notes) == ({}, {})
