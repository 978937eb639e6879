"""A Distiller's models have inputs as they came, and losses scaled as the student wants them."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd

RANDOM = np.random.default_rng(0)
# Beyond the largest of float16.
X = (1e5 * RANDOM.normal(size=(64, 3))).astype("float32")
Y = (X[:, 0] > 0).astype("int32")


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def kind(request):
    """A Keras version whose new layers compute in float16."""
    kind, policy = request.param, request.param.mixed_precision.set_global_policy
    policy("mixed_float16")
    yield kind
    policy("float32")


def network(kind):
    layers = kind.layers
    scaled = layers.Normalization(mean=[0.0] * 3, variance=[1e10] * 3, dtype="float32")
    hidden = layers.Dense(4, "relu", kernel_regularizer="l2")
    return kind.Sequential([kind.Input((3,)), scaled, hidden, layers.Dense(2, dtype="float32")])


def distiller(kind):
    made = tfqd.Distiller(network(kind), tfqd.quantize_model(network(kind), 4))
    loss = kind.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile("adam", loss, jit_compile=False)
    return made


def test_inputs_that_float16_cannot_hold_are_distilled_on(kind):
    model = distiller(kind)
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(history["distillation_loss"]).all()
    answers = model.predict(X, verbose=0)
    np.testing.assert_array_equal(answers, model.student.predict(X, verbose=0))
    assert np.isfinite(answers).all()


def test_losses_are_scaled_where_the_student_computes_in_float16(kind):
    scaling = type(distiller(kind).optimizer).__name__
    assert scaling.startswith("LossScaleOptimizer")


def test_a_loaded_student_is_distilled_as_it_computes(tmp_path):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        distiller(keras).save(tmp_path / "m.keras")
    finally:
        keras.mixed_precision.set_global_policy("float32")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    again = tfqd.Distiller(loaded.teacher, loaded.student)
    again.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for model in (loaded, again):
        assert type(model.optimizer).__name__ == "LossScaleOptimizer"


def test_models_of_float64_are_distilled():
    keras.config.set_floatx("float64")
    keras.mixed_precision.set_global_policy("float64")
    try:
        model = distiller(keras)
        assert {weight.dtype for weight in model.student.weights} >= {"float64"}
        assert np.isfinite(model.fit(X / 1e5, Y, verbose=0).history["loss"]).all()
    finally:
        keras.config.set_floatx("float32")
        keras.mixed_precision.set_global_policy("float32")
