"""Outputs that differ between teacher and student, and losses to which that is all the same."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.distillation import (
    DistillationLoss,
    FeatureDistillation,
    LogitsDistillation,
    RegressionDistillation,
    RelationalDistillation,
    SimilarityPreserving,
)

X = np.random.default_rng(0).normal(size=(32, 5)).astype("float32")
KERASES = pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])


def embedding(version, size):
    return version.Sequential([version.layers.Input((5,)), version.layers.Dense(size)])


def heads(version, **sizes):
    """A model with an output of each name, of so many units."""
    inputs = version.layers.Input((5,))
    outputs = {name: version.layers.Dense(size)(inputs) for name, size in sizes.items()}
    return version.Model(inputs, outputs)


def losses_of(teacher, student, loss, data=X):
    """The distillation loss, epoch by epoch, of a training without labels."""
    distiller = tfqd.Distiller(teacher, student, loss, student_loss_weight=0)
    distiller.compile("adam", jit_compile=False)
    return distiller.fit(data, epochs=2, verbose=0).history["distillation_loss"]


class FirstUnit(DistillationLoss):
    """Compares the first units of two outputs, of any sizes."""

    def __init__(self, name="first_unit"):
        super().__init__(name)

    def compute_loss(self, teacher_outputs, student_outputs, **options):
        return keras.ops.mean((teacher_outputs[:, 0] - student_outputs[:, 0]) ** 2)


@KERASES
@pytest.mark.parametrize(
    "loss",
    [RelationalDistillation(), SimilarityPreserving(), FeatureDistillation(), FirstUnit()],
    ids=lambda loss: type(loss).__name__,
)
def test_losses_that_take_any_sizes_take_outputs_of_any_sizes(version, loss):
    losses = losses_of(embedding(version, 16), embedding(version, 8), loss)
    assert losses[1] < losses[0]


@KERASES
@pytest.mark.parametrize(
    "loss",
    [
        LogitsDistillation(output="kind"),
        LogitsDistillation(loss={"kind": "kl_divergence", "more": None}),
        RegressionDistillation(output="kind"),
    ],
)
def test_outputs_that_no_loss_compares_may_differ(version, loss):
    teacher, student = heads(version, kind=3, more=7), heads(version, kind=3, more=2)
    assert losses_of(teacher, student, loss)[0] > 0


@KERASES
def test_a_teacher_may_have_more_outputs_than_are_learned(version):
    teacher, student = heads(version, kind=3, more=7), heads(version, kind=3)
    assert losses_of(teacher, student, LogitsDistillation(output="kind"))[0] > 0


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (LogitsDistillation(), "same output shape for LogitsDistillation; .*16.*8"),
        ([RelationalDistillation(), RegressionDistillation()], "for RegressionDistillation"),
        (keras.distillation.LogitsDistillation(), "for LogitsDistillation"),
        (FeatureDistillation(projection=False), "widths must be equal without a projection"),
    ],
)
def test_outputs_that_a_loss_cannot_compare_are_refused(loss, message):
    with pytest.raises(ValueError, match=message):
        tfqd.Distiller(embedding(keras, 16), embedding(keras, 8), loss)


def test_so_are_named_ones_that_one_of_the_models_lacks():
    teacher, student = heads(tf_keras, kind=3, more=7), heads(tf_keras, kind=3)
    with pytest.raises(ValueError, match="same output shape for LogitsDistillation"):
        tfqd.Distiller(teacher, student, LogitsDistillation(output="more"))


@pytest.mark.parametrize("loss", [LogitsDistillation(), LogitsDistillation(output="kind")])
def test_a_cached_teacher_teaches_outputs_of_names(tmp_path, loss):
    """Keras 3 says of them the shapes alone, a CachedTeacher the names too."""
    data = tf.data.Dataset.from_tensor_slices(X).batch(16)
    teacher, student = heads(keras, more=7, kind=3), heads(keras, more=7, kind=3)
    cached = tfqd.distillation.cache_teacher(teacher, data, tmp_path, verbose=0)
    assert losses_of(cached, student, loss, cached.attach(data))[0] > 0


@pytest.mark.parametrize(
    "loss",
    [FeatureDistillation(), RelationalDistillation(), tfqd.distillation.AttentionTransfer()],
    ids=lambda loss: type(loss).__name__,
)
def test_several_outputs_are_no_one_tensor(loss):
    teacher, student = heads(keras, kind=3, more=7), heads(keras, kind=3, more=2)
    with pytest.raises(ValueError, match="compares one tensor of each model; got "):
        tfqd.Distiller(teacher, student, loss)
