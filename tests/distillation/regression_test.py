"""A student of numbers is not taught as if they were logits."""

import warnings

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
    with pytest.raises(ValueError, match="RegressionDistillation"):
        distiller.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("loss", ["binary_crossentropy", "BinaryCrossentropy"])
def test_the_default_loss_refuses_labels_that_are_no_classes(version, loss):
    distiller = tfqd.Distiller(model(version, 3), model(version, 3))
    known = {"BinaryCrossentropy": version.losses.BinaryCrossentropy(from_logits=True)}
    distiller.compile("sgd", known.get(loss, loss))
    with pytest.raises(ValueError, match=r"3 units by .*each a label of its own.*Regression"):
        distiller.fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0)


def test_the_remedy_teaches_the_teachers_numbers():
    keras.utils.set_random_seed(0)
    teacher, student = model(), model()
    losses = tfqd.distillation.RegressionDistillation()
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


def two_heads(version, seed):
    """Three classes and a number."""
    version.utils.set_random_seed(seed)
    inputs = version.Input((4,))
    heads = [
        version.layers.Dense(3, name="kind")(inputs),
        version.layers.Dense(1, name="age")(inputs),
    ]
    return version.Model(inputs, heads)


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_each_output_may_have_the_loss_that_suits_it(version):
    classes = version.losses.SparseCategoricalCrossentropy(from_logits=True)
    hard = {"kind": classes, "age": "mse"}
    x, labels = np.ones((8, 4), np.float32), [np.zeros(8, np.int64), np.ones((8, 1))]
    losses = [
        tfqd.distillation.LogitsDistillation(output=-2),
        tfqd.distillation.RegressionDistillation(output=1),
    ]
    distiller = tfqd.Distiller(two_heads(version, 0), two_heads(version, 1), losses)
    distiller.compile("sgd", hard)
    assert np.isfinite(distiller.fit(x, labels, verbose=0).history["loss"][0])
    default = tfqd.Distiller(two_heads(version, 0), two_heads(version, 1))
    default.compile("sgd", hard)
    with pytest.raises(ValueError, match="one unit by mse"):
        default.fit(x, labels, verbose=0)


def test_logits_may_be_compared_as_numbers_by_a_loss_of_keras():
    loss = tfqd.distillation.LogitsDistillation(loss="mse")
    distiller = tfqd.Distiller(model(), model(), loss)
    distiller.compile("sgd", "mse")
    distiller.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("loss", ["mae", "Huber", "LogCosh", "function"])
def test_the_default_loss_refuses_a_regression_of_several_units(version, loss):
    distiller = tfqd.Distiller(model(version, 3), model(version, 3))
    losses = version.losses
    known = {
        "Huber": losses.Huber(),
        "LogCosh": losses.LogCosh(),
        "function": losses.mean_squared_error,
    }
    distiller.compile("sgd", known.get(loss, loss))
    remedy = r"3 units by .*default LogitsDistillation.*Regression.*name LogitsDistillation\(\)"
    with pytest.raises(ValueError, match=remedy):
        distiller.fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0)


def own_loss(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


@pytest.mark.parametrize("given", ["named", "softmax", "own loss", "other loss"])
def test_several_units_may_be_classes_that_are_trained_as_numbers(given):
    teacher, student = (
        keras.Sequential([model(units=3), keras.layers.Softmax()])
        if given == "softmax"
        else model(units=3)
        for _ in range(2)
    )
    loss = tfqd.distillation.LogitsDistillation() if given == "named" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of probabilities
        distiller = tfqd.Distiller(teacher, student, loss)
    distiller.compile("sgd", {"own loss": own_loss, "other loss": "poisson"}.get(given, "mse"))
    distiller.fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0)


def test_a_control_run_without_the_teacher_may_be_a_regression():
    distiller = tfqd.Distiller(model(), model(), student_loss_weight=1)
    distiller.compile("sgd", "mse")
    distiller.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)


@pytest.mark.parametrize(("loss", "expected"), [("mse", (1 + 4 + 0 + 9) / 4), ("mae", 6 / 4)])
def test_numbers_are_compared_as_they_are(loss, expected):
    teacher, student = np.float32([[1, 2], [3, 4]]), np.float32([[2, 0], [3, 1]])
    value = tfqd.distillation.RegressionDistillation(loss).compute_loss(teacher, student)
    assert float(value) == pytest.approx(expected)


def test_outputs_weights_and_positions_count():
    teacher = {"a": np.zeros((2, 3, 1), np.float32), "b": np.zeros((2, 1), np.float32)}
    student = {"a": np.full((2, 3, 1), 2.0, np.float32), "b": np.ones((2, 1), np.float32)}
    both = tfqd.distillation.RegressionDistillation()
    assert float(both.compute_loss(teacher, student)) == pytest.approx(5.0)
    one = tfqd.distillation.RegressionDistillation(output="a")
    weights = np.float32([1, 0])
    assert float(one.compute_loss(teacher, student, sample_weight=weights)) == pytest.approx(2.0)


def test_an_unknown_distance_is_refused():
    with pytest.raises(ValueError, match="loss must be one of 'mse', 'mae'; got 'kl'"):
        tfqd.distillation.RegressionDistillation("kl")
