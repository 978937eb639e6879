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


class Unsaved(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule, and a loss, that Keras could not save."""

    def __call__(self, step, *_):
        return 0.001


@KITS
def test_what_no_file_could_hold_is_computed_too(kit):
    def own(y_true, y_pred):
        return y_pred[:, 0]

    def loss(y_true, y_pred):
        return y_pred[:, 1]

    model = compiled(kit, [own])
    model.compile(kit.optimizers.Adam(), loss, metrics=[own])
    if kit is keras:
        model.compile(keras.optimizers.Adam(Unsaved()), loss, metrics=[own])
    (found,) = tfqd.evaluate({"m": model}, (X, CLASSES), efficiency=False).compiled.values()
    answers = np.asarray(model(X))
    assert found == pytest.approx({"loss": answers[:, 1].mean(), "own": answers[:, 0].mean()})


def test_a_metric_that_fails_is_noted_of_the_model_that_it_fails_for():
    def small(y_true, y_pred):
        if np.abs(y_pred).max() > 50:
            raise ArithmeticError("too large")
        return y_pred[:, 0]

    model = compiled(keras, [small])
    large = compiled(keras, None)
    large.set_weights([100 * weight for weight in model.get_weights()])
    found = tfqd.evaluate({"m": model, "large": large}, (X, CLASSES), efficiency=False)
    assert found.compiled.keys() == {"m"}
    assert found.notes["large"] == "compiled metrics cannot be computed: too large"
    assert found.notes["large"] in str(found)


@KITS
def test_metrics_need_no_loss(kit):
    model = compiled(kit, None)
    model.compile("sgd", loss=None, metrics=["sparse_categorical_accuracy"])
    found = tfqd.evaluate({"m": model}, (X, CLASSES), efficiency=False)
    accuracy = found.values["m"]["accuracy"]
    assert found.compiled["m"] == {"sparse_categorical_accuracy": pytest.approx(accuracy)}


def test_a_class_that_computes_its_own_is_noted():
    class Own(keras.Model):
        def compute_loss(self, *args, **kwargs):
            return super().compute_loss(*args, **kwargs) + 7

    inputs = keras.Input((8,))
    model = Own(inputs, keras.layers.Dense(4)(inputs))
    model.compile("sgd", "mse")
    found = tfqd.evaluate({"m": model}, (X, CLASSES), efficiency=False)
    assert found.compiled == {}
    assert found.notes["m"].endswith("its class has a compute_loss of its own")


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
