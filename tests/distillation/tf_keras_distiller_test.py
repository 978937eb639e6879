"""The Distiller on tf_keras models does what it does on Keras 3 models."""

import keras
import numpy as np
import pytest
import tf_keras
from small_networks import X, Y

import tfqd
from tfqd.distillation import FeatureDistillation, LogitsDistillation


def network(version, units=16, penalty=0.0):
    layers = version.layers
    return version.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(
                units, "relu", kernel_regularizer=version.regularizers.L2(penalty), name="hidden"
            ),
            layers.BatchNormalization(name="norm"),
            layers.Dense(3, name="logits"),
        ]
    )


def twins(units=16, penalty=0.0):
    """A Keras 3 and a tf_keras network with the same weights."""
    models = [network(version, units, penalty) for version in (keras, tf_keras)]
    models[1].set_weights(models[0].get_weights())
    return models


def compiled(distiller, version):
    loss = version.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile(version.optimizers.SGD(0.1), loss, metrics=["accuracy"], jit_compile=False)
    return distiller


def both(losses, quantize=lambda model: model, units=8, penalty=0.01, **kwargs):
    keras.utils.set_random_seed(6)
    teachers, students = twins(), twins(units, penalty)
    return [
        compiled(tfqd.Distiller(teacher, quantize(student), losses, **kwargs), version)
        for teacher, student, version in zip(teachers, students, (keras, tf_keras), strict=True)
    ]


@pytest.mark.parametrize(
    "quantize",
    [lambda model: model, lambda model: tfqd.quantize_model(model, tfqd.Uniform(bits=2))],
)
def test_training_equals_that_of_keras_3(quantize):
    ours, theirs = both(LogitsDistillation(2.0), quantize)
    assert isinstance(theirs, tf_keras.Model)
    weights = np.linspace(0.5, 1.5, len(X), dtype=np.float32)
    logs = [
        model.fit(X, Y, 32, 3, shuffle=False, sample_weight=weights, verbose=0).history
        for model in (ours, theirs)
    ]
    assert {"loss", "student_loss", "distillation_loss", "accuracy"} <= logs[1].keys()
    for name in ("loss", "student_loss", "distillation_loss", "accuracy"):
        np.testing.assert_allclose(logs[1][name], logs[0][name], rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(
        theirs.predict(X, verbose=0), ours.predict(X, verbose=0), rtol=1e-3, atol=1e-4
    )


def test_features_are_projected_and_trained():
    losses = [LogitsDistillation(2.0), FeatureDistillation("hidden", "hidden")]
    _, distiller = both(losses, lambda model: tfqd.quantize_model(model, tfqd.Codebook(bits=2)))
    names = [variable.name for variable in distiller.trainable_variables]
    assert sum("projection" in name for name in names) == 1
    logs = distiller.fit(X, Y, epochs=15, verbose=0).history
    assert logs["feature_distillation"][-1] < 0.8 * logs["feature_distillation"][0]


def test_a_reload_trains_on_as_if_nothing_had_happened(tmp_path):
    losses = [LogitsDistillation(2.0), FeatureDistillation("hidden", "hidden")]
    _, distiller = both(losses, lambda model: tfqd.quantize_model(model, tfqd.Uniform(bits=4)))
    distiller.fit(X, Y, shuffle=False, verbose=0)
    distiller.save(tmp_path / "distiller.keras")
    with tfqd.tfmot.quantize_scope():
        reloaded = tf_keras.saving.load_model(tmp_path / "distiller.keras")
    for model in (distiller, reloaded):
        model.fit(X, Y, shuffle=False, verbose=0)
    assert int(reloaded.optimizer.iterations) == 6
    for one, other in zip(distiller.weights, reloaded.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_teacher_of_none_is_a_float_copy():
    _, student = twins()
    quantized = tfqd.quantize_model(student, tfqd.Uniform(bits=1))
    distiller = tfqd.Distiller(None, quantized)
    np.testing.assert_allclose(
        distiller.teacher(X, training=False), student(X, training=False), rtol=1e-5, atol=1e-6
    )


def test_teacher_and_student_of_different_versions_are_refused():
    one, other = twins()
    with pytest.raises(ValueError, match="teacher must be a tf_keras model"):
        tfqd.Distiller(one, other)
    with pytest.raises(ValueError, match="teacher must be a Keras 3 model"):
        tfqd.Distiller(other, one)


def test_the_cosine_is_logged():
    _, distiller = both(LogitsDistillation(2.0), log_gradient_cosine=True)
    cosine = distiller.fit(X, Y, batch_size=96, verbose=0).history["gradient_cosine"][0]
    assert 0.01 < abs(cosine) <= 1.0
