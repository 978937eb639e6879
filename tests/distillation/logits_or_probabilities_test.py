"""Each loss is held against the outputs that it compares: are they logits or probabilities?"""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.distillation import LogitsDistillation, RegressionDistillation, cache_teacher

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")
DATA = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
LOGITS, PROBABILITIES = LogitsDistillation(2.0), LogitsDistillation(2.0, from_logits=False)
KERASES = pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])


def network(version, units, activation=None):
    layers = version.layers
    return version.Sequential([layers.Input((4,)), layers.Dense(units, activation)])


def heads(version, **activations):
    """A model with an output of three classes of each name, of one for the name "unit"."""
    inputs = version.layers.Input((4,))
    return version.Model(
        inputs,
        {
            name: version.layers.Dense(1 if name == "unit" else 3, activation)(inputs)
            for name, activation in activations.items()
        },
    )


def warned(make):
    """What is said of logits and probabilities while something is done."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make()
    return [str(each.message) for each in caught if "say from_logits" in str(each.message)]


def trained(version, activation, hard, soft):
    """A fit of a student of one unit, step by step."""
    distiller = tfqd.Distiller(network(version, 1), network(version, 1, activation), soft)
    distiller.compile("sgd", hard(version), run_eagerly=True)
    distiller.fit(X, Y, verbose=0)


HARD = {
    False: [
        lambda version: version.losses.BinaryCrossentropy(),
        lambda version: "binary_crossentropy",
        lambda version: version.losses.binary_crossentropy,
    ],
    True: [lambda version: version.losses.BinaryCrossentropy(from_logits=True)],
}


@KERASES
@pytest.mark.parametrize("hard", HARD[False], ids=["object", "name", "function"])
def test_a_sigmoid_is_told_from_a_logit_by_the_loss_on_labels(version, hard):
    (said,) = warned(lambda: trained(version, "sigmoid", hard, None))
    assert "BinaryCrossentropy" in said or "binary_crossentropy" in said
    assert said.endswith("say from_logits=False")
    assert not warned(lambda: trained(version, "sigmoid", hard, PROBABILITIES))


@KERASES
def test_so_is_a_logit_from_a_sigmoid(version):
    (hard,) = HARD[True]
    (said,) = warned(lambda: trained(version, None, hard, PROBABILITIES))
    assert said.endswith("say from_logits=True")
    assert not warned(lambda: trained(version, None, hard, LOGITS))


def test_other_losses_of_one_unit_tell_nothing():
    assert not warned(lambda: trained(keras, "sigmoid", lambda version: "hinge", LOGITS))
    soft = RegressionDistillation()
    assert not warned(lambda: trained(keras, "sigmoid", HARD[False][0], soft))


def test_one_unit_that_is_no_probability_is_known_at_once():
    teacher = network(keras, 1)
    teacher.layers[0].bias.assign([-1.0])
    (said,) = warned(lambda: tfqd.Distiller(teacher, network(keras, 1), PROBABILITIES))
    assert said.endswith("say from_logits=True")


@pytest.mark.parametrize(("units", "activation"), [(3, "softmax"), (1, "sigmoid")])
def test_a_cached_teachers_outputs_are_looked_at(tmp_path, units, activation):
    for given, right, wrong in ((activation, PROBABILITIES, LOGITS), (None, LOGITS, PROBABILITIES)):
        cached = cache_teacher(network(keras, units, given), DATA, tmp_path, verbose=0)
        student = network(keras, units, given)
        (said,) = warned(lambda: tfqd.Distiller(cached, student, wrong))  # noqa: B023
        assert said.endswith(f"say from_logits={right.from_logits}")
        assert not warned(lambda: tfqd.Distiller(cached, student, right))  # noqa: B023


@KERASES
def test_each_loss_is_held_against_its_own_output(version):
    teacher, student = (heads(version, kind="softmax", raw=None) for _ in range(2))

    def losses(kind, raw):
        return [
            LogitsDistillation(2.0, from_logits=False, output=kind),
            LogitsDistillation(2.0, output=raw),
        ]

    assert not warned(lambda: tfqd.Distiller(teacher, student, losses("kind", "raw")))
    said = warned(lambda: tfqd.Distiller(teacher, student, losses("raw", "kind")))
    assert len(said) == 2
    assert "['raw']" in said[0]
    assert "['kind']" in said[1]
    parts = LogitsDistillation(2.0, loss={"kind": None, "raw": "kl_divergence"})
    assert not warned(lambda: tfqd.Distiller(teacher, student, parts))


def test_an_output_of_one_unit_hides_no_other():
    teacher, student = (heads(keras, kind="softmax", unit=None) for _ in range(2))
    (said,) = warned(lambda: tfqd.Distiller(teacher, student, LogitsDistillation(output="kind")))
    assert said.endswith("say from_logits=False")
