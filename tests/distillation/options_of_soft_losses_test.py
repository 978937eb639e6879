"""What is said by the options of a Keras loss that `LogitsDistillation` is given counts."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfqd.distillation import LogitsDistillation

TEACHER, STUDENT = np.random.default_rng(0).normal(size=(2, 6, 5)).astype("float32")
KERASES = pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
NAMES = ["KLDivergence", "CategoricalCrossentropy"]


def value(loss, **options):
    return float(LogitsDistillation(2.0, loss, **options).compute_loss(TEACHER, STUDENT))


@KERASES
@pytest.mark.parametrize("name", NAMES)
def test_an_object_without_options_is_its_name(version, name):
    loss = getattr(version.losses, name)
    function = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
    function = function.replace("k_l", "kl")
    expected = value(function)
    for same in (
        loss,
        loss(),
        loss(name="soft", reduction="sum"),
        getattr(version.losses, function),
    ):
        assert value(same) == expected


@KERASES
def test_options_of_what_is_computed_otherwise_are_refused(version):
    for options in ({"label_smoothing": 0.5}, {"axis": 0}):
        loss = version.losses.CategoricalCrossentropy(**options)
        (name,) = options
        with pytest.raises(
            ValueError, match=rf"CategoricalCrossentropy .* no options; got {name}="
        ):
            LogitsDistillation(loss={"a": None, "b": loss})


@KERASES
def test_logits_of_the_loss_must_be_those_of_the_distillation(version):
    loss = version.losses.CategoricalCrossentropy(from_logits=True)
    assert value(loss) == value("categorical_crossentropy")
    with pytest.raises(ValueError, match=r"no options; got from_logits=True"):
        LogitsDistillation(loss=loss, from_logits=False)


@KERASES
def test_options_of_other_losses_hold(version):
    loss = version.losses.Huber(delta=0.1)
    theirs = loss.call(TEACHER / 2, STUDENT / 2)
    assert value(loss) == pytest.approx(float(np.mean(theirs)), rel=1e-5)
    assert value(loss) != pytest.approx(value("huber"))


def test_a_loss_of_your_own_is_called_whatever_its_name():
    def kl_divergence(y_true, y_pred):
        return tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)

    class KLDivergence(keras.losses.MeanSquaredError):
        pass

    assert value(kl_divergence) == pytest.approx(value("mae"))
    assert value(KLDivergence()) == pytest.approx(value("mse"))


def test_answers_that_are_neither_logits_nor_probabilities_are_refused():
    with pytest.raises(ValueError, match="from_logits must be True or False; got 'kl_divergence'"):
        LogitsDistillation(2.0, from_logits="kl_divergence")
