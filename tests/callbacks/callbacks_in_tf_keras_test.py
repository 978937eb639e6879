"""In tf_keras' fit the callbacks do what they do in that of Keras 3, number for number."""

import keras
import numpy as np
import pytest
import tf_keras
from small_model import X, Y, fit

import tfqd
from tfqd.callbacks import (
    BatchNormReestimation,
    BitSchedule,
    CodeFlips,
    CompressedCheckpoint,
    QuantizeWeights,
    SizeReport,
    reestimate_batch_norm,
)
from tfqd.compressed import read_manifest
from tfqd.distillation import FeatureDistillation

SPEC = tfqd.Uniform(bits=2, bucket_size=16)
CODEBOOK = tfqd.Codebook(bits=2, bucket_size=16)


def build(library):
    library.utils.set_random_seed(1)
    names = library.layers
    return library.Sequential(
        [
            library.Input((6,)),
            names.Dense(8, activation="relu", name="first"),
            names.BatchNormalization(name="norm"),
            names.Dense(1, name="second"),
        ]
    )


def compiled(model, rate=0.03, **options):
    library = keras if isinstance(model, keras.Model) else tf_keras
    model.compile(library.optimizers.SGD(rate), "mse", **options)
    return model


@pytest.fixture
def models():
    """The same model of Keras 3 and of tf_keras."""
    ours, theirs = build(keras), build(tf_keras)
    theirs.set_weights(ours.get_weights())
    return ours, theirs


def arrays(model):
    return [variable.numpy() for variable in model.weights]


def assert_close(left, right):
    for one, other in zip(left, right, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def assert_same(left, right):
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_plain_model_trains_as_in_keras_3(models):
    runs = []
    for model in map(compiled, models):
        quantize, flips = QuantizeWeights(SPEC), CodeFlips()
        schedule = BitSchedule({0: None, 1: 4, 2: 2})
        measure = BatchNormReestimation(X, every=1)
        callbacks = quantize, schedule, measure, flips
        history = fit(model, *callbacks, epochs=4, validation_data=(X, Y))
        shares = [list(each.values()) for each in flips.by_variable]
        runs.append((history, shares, arrays(model), arrays(quantize.quantized_model())))
    (history, shares, quantized, floats), theirs = runs
    assert history.keys() == theirs[0].keys()
    for name, values in history.items():
        np.testing.assert_allclose(theirs[0][name], values, rtol=1e-4)
    assert shares == theirs[1]
    assert_close(theirs[2], quantized)
    assert_close(theirs[3], floats)


@pytest.mark.parametrize("spec", [SPEC, CODEBOOK])
def test_a_quantized_model_trains_as_in_keras_3(models, spec, tmp_path):
    runs = []
    for i, model in enumerate(models):
        quantized, path = compiled(tfqd.quantize_model(model, spec)), tmp_path / f"{i}.tfqd"
        schedule, measure = BitSchedule({0: 4, 1: 2}), BatchNormReestimation(X, every=1)
        best = CompressedCheckpoint(path, monitor="val_loss")
        callbacks = schedule, measure, SizeReport(), CodeFlips(), best
        history = fit(quantized, *callbacks, epochs=3, validation_data=(X, Y))
        runs.append((history, tfqd.load(path, "compressed").dequantize().values()))
        assert read_manifest(path).facts["checkpoint"]["value"] == min(history["val_loss"][1:])
    (history, weights), (their_history, their_weights) = runs
    for name in ("loss", "val_loss", "code_flips"):
        np.testing.assert_allclose(their_history[name], history[name], rtol=1e-4)
    assert_close(their_weights, weights)


def test_a_distillers_student_follows_as_in_keras_3(models, tmp_path):
    runs = []
    for i, (model, library) in enumerate(zip(models, (keras, tf_keras), strict=True)):
        teacher, student = build(library), tfqd.quantize_model(model, CODEBOOK)
        teacher.set_weights([0.5 * array for array in arrays(model)])
        path = tmp_path / f"{i}.tfqd"
        measure = BatchNormReestimation(X, every=1)
        best = CompressedCheckpoint(path, monitor="loss")
        distiller = compiled(tfqd.Distiller(teacher, student, FeatureDistillation()))
        history = fit(distiller, BitSchedule({0: None, 1: 2}), measure, best, epochs=3)
        runs.append((history["loss"], tfqd.load(path, "compressed").dequantize().values()))
    np.testing.assert_allclose(runs[1][0], runs[0][0], rtol=1e-4)
    assert_close(runs[1][1], runs[0][1])


def test_the_callback_of_a_tf_keras_model_gives_its_compressed_form(models, tmp_path):
    model, quantize = compiled(models[1]), QuantizeWeights(SPEC)
    fit(model, quantize)
    assert_same(quantize.compress().dequantize().values(), arrays(model))
    tfqd.save(quantize.quantized_model(), tmp_path / "model.tfqd")
    loaded = tfqd.load(tmp_path / "model.tfqd", "tf_keras")
    np.testing.assert_allclose(loaded(X), model(X), rtol=1e-5, atol=1e-6)


def test_an_interrupt_leaves_the_float_weights(models):
    model = compiled(models[1], rate=0.0)
    before = arrays(model)[0]

    class Interrupt(tf_keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), QuantizeWeights(SPEC) as quantize:
        fit(model, quantize, Interrupt())
    np.testing.assert_array_equal(arrays(model)[0], before)


def with_ema(model):
    model.compile(tf_keras.optimizers.SGD(0.1, use_ema=True), "mse")
    return model


REFUSED = {
    "steps_per_execution must be 1; got 2": lambda m: compiled(m, steps_per_execution=2),
    "steps_per_execution must be 1; got 'auto'": lambda m: compiled(m, steps_per_execution="auto"),
    "use_ema": with_ema,
    "already quantized": lambda m: compiled(tfqd.quantize_model(m, SPEC)),
    "is not built": lambda m: compiled(tf_keras.Sequential([tf_keras.layers.Dense(1)])),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_a_callback_cannot_serve_is_refused(message, models):
    with pytest.raises(ValueError, match=message):
        fit(REFUSED[message](models[1]), QuantizeWeights(SPEC))


def test_batch_norm_over_several_axes_is_measured():
    layers = tf_keras.layers
    fused, both = layers.BatchNormalization(), layers.BatchNormalization(axis=[1, 3])
    inputs = tf_keras.Input((5, 4, 3))
    model = tf_keras.Model(inputs, [fused(inputs), both(inputs)])
    images = np.random.default_rng(0).normal(3.0, 2.0, size=(7, 5, 4, 3)).astype("float32")
    reestimate_batch_norm(model, images)
    np.testing.assert_allclose(fused.moving_mean, images.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(fused.moving_variance, images.var((0, 1, 2)), rtol=1e-5)
    expected = images.var((0, 2), keepdims=True)
    np.testing.assert_allclose(both.moving_variance, expected, rtol=1e-5)
