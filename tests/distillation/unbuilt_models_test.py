"""Models that are not built yet are built by the Distiller, on the first batch."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd

X = np.random.default_rng(0).normal(size=(24, 5)).astype("float32")
Y = X @ np.random.default_rng(1).normal(size=(5, 3)).astype("float32")
BOTH = pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
LOSSES = (
    tfqd.distillation.LogitsDistillation(2.0),
    tfqd.distillation.FeatureDistillation("h", "h"),
)


def network(version, units, classes=3):
    return version.Sequential(
        [version.layers.Dense(units, "relu", name="h"), version.layers.Dense(classes, name="out")]
    )


def distiller_of(version, teacher, student):
    distiller = tfqd.Distiller(teacher, student, [*LOSSES])
    loss = version.losses.CategoricalCrossentropy(from_logits=True)
    distiller.compile(version.optimizers.Adam(0.01), loss)
    return distiller


@BOTH
@pytest.mark.parametrize("built", ["teacher", "student", "neither"])
def test_fit_builds_them_and_what_the_losses_train(version, built):
    teacher, student = network(version, 8), network(version, 4)
    for name, model in (("teacher", teacher), ("student", student)):
        if name == built:
            model.build((None, 5))
    distiller = distiller_of(version, teacher, student)
    history = distiller.fit(X, np.eye(3)[Y.argmax(-1)], epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["total_loss"] == pytest.approx(history["loss"], rel=1e-5)
    (projection,) = {id(v) for v in distiller.trainable_variables} - {
        id(v) for v in student.trainable_variables
    }
    assert projection
    np.testing.assert_allclose(distiller.predict(X, verbose=0), np.array(student(X)), rtol=1e-5)


@BOTH
def test_outputs_that_do_not_fit_are_refused_then(version):
    distiller = distiller_of(version, network(version, 8), network(version, 4, classes=2))
    with pytest.raises(ValueError, match="must have the same output shape"):
        distiller.fit(X, np.eye(2)[np.zeros(24, int)], verbose=0)


@BOTH
def test_a_teacher_can_be_quantized_and_trained_afterwards(version):
    teacher = network(version, 8)
    teacher.build((None, 5))
    for _ in range(2):
        student = tfqd.quantize_model(teacher, 4)
        before = np.array(student(X))
        distiller = distiller_of(version, teacher, student)
        distiller.fit(X, np.eye(3)[Y.argmax(-1)], verbose=0)
        assert np.abs(np.array(student(X)) - before).max() > 0
    assert teacher.trainable
