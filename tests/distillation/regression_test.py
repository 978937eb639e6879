"""A student of numbers is not taught as if they were logits."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd


def model(version=keras, units=1):
    return version.Sequential([version.Input((4,)), version.layers.Dense(units)])


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("loss", ["mse", "mean_absolute_error", "Huber", "function"])
def test_the_default_loss_refuses_a_regression(version, loss):
    distiller = tfqd.Distiller(model(version), model(version))
    known = {"Huber": version.losses.Huber(), "function": version.losses.mean_squared_error}
    distiller.compile("sgd", known.get(loss, loss))
    with pytest.raises(ValueError, match="FeatureDistillation"):
        distiller.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)


def test_the_remedy_teaches_the_teachers_numbers():
    keras.utils.set_random_seed(0)
    teacher, student = model(), model()
    losses = tfqd.distillation.FeatureDistillation()
    distiller = tfqd.Distiller(teacher, student, losses, student_loss_weight=0.0)
    distiller.compile(keras.optimizers.SGD(0.3), "mse")
    x = np.random.default_rng(0).normal(size=(256, 4)).astype(np.float32)
    distiller.fit(x, np.zeros((256, 1)), epochs=30, verbose=0)
    np.testing.assert_allclose(student(x), teacher(x), atol=1e-2)


@pytest.mark.parametrize("units", [1, 3])
def test_classifiers_are_taught_as_ever(units):
    distiller = tfqd.Distiller(model(units=units), model(units=units))
    loss = keras.losses.BinaryCrossentropy if units == 1 else keras.losses.CategoricalCrossentropy
    distiller.compile("sgd", loss(from_logits=True))
    x = np.ones((8, 4), np.float32)
    history = distiller.fit(x, np.ones((8, units)), verbose=0).history
    assert np.isfinite(history["loss"][0])


def test_a_control_run_without_the_teacher_may_be_a_regression():
    distiller = tfqd.Distiller(model(), model(), student_loss_weight=1)
    distiller.compile("sgd", "mse")
    distiller.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
