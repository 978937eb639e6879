"""A teacher with stateful recurrent layers, whose answers depend on the batches before."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.distillation import FeatureDistillation, LogitsDistillation, RegressionDistillation
from tfqd.wrapping.state import recurrent_states

X = np.random.default_rng(0).normal(size=(16, 3, 2)).astype(np.float32)
BATCHES = np.split(X, 4)
VERSIONS = pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])


def network(version, seed, stateful=True):
    version.utils.set_random_seed(seed)
    inputs = version.Input(batch_shape=(4, 3, 2))
    hidden = version.layers.LSTM(5, stateful=stateful, name="hidden")(inputs)
    return version.Model(inputs, version.layers.Dense(3)(hidden))


def states(model):
    return [np.array(state) for state in recurrent_states(model)]


def taught(version, loss, run_eagerly=False):
    """A teacher, a student and what a Distiller logs of an epoch in which the student rests."""
    teacher, student = network(version, 0), network(version, 1, stateful=False)
    distiller = tfqd.Distiller(teacher, student, loss, student_loss_weight=0.0)
    distiller.compile(version.optimizers.SGD(0.0), run_eagerly=run_eagerly)
    history = distiller.fit(X, np.zeros(16), 4, shuffle=False, verbose=0).history
    return teacher, student, history["distillation_loss"][0]


@VERSIONS
@pytest.mark.parametrize("run_eagerly", [True, False], ids=["eager", "graph"])
def test_its_states_go_on_from_batch_to_batch(version, run_eagerly):
    loss = RegressionDistillation()
    teacher, student, logged = taught(version, loss, run_eagerly)
    alone = network(version, 0)
    by_batch = [float(loss.compute_loss(alone(x), student(x))) for x in BATCHES]
    assert logged == pytest.approx(np.mean(by_batch), rel=1e-4)
    for state, expected in zip(states(teacher), states(alone), strict=True):
        np.testing.assert_allclose(state, expected, rtol=1e-4, atol=1e-6)


def test_so_they_do_where_its_features_are_read():
    loss = FeatureDistillation("hidden", "hidden")
    _, student, logged = taught(keras, loss)
    hidden, rested = network(keras, 0).layers[1], student.layers[1]
    by_batch = [float(loss.compute_loss(hidden(x), rested(x))) for x in BATCHES]
    assert logged == pytest.approx(np.mean(by_batch), rel=1e-4)


@VERSIONS
def test_a_distiller_that_is_made_leaves_them_alone(version):
    teacher = network(version, 0)
    teacher(BATCHES[0])
    before = states(teacher)
    tfqd.Distiller(teacher, network(version, 1), LogitsDistillation())
    np.testing.assert_array_equal(states(teacher), before)
    assert np.abs(before).min() > 0


@VERSIONS
def test_its_outputs_are_not_cached(version, tmp_path):
    data = tf.data.Dataset.from_tensor_slices((X, X)).batch(4)
    with pytest.raises(ValueError, match="stateful recurrent layers, depend on the batches before"):
        tfqd.distillation.cache_teacher(network(version, 0), data, tmp_path, verbose=0)
    rested = network(version, 0, stateful=False)
    tfqd.distillation.cache_teacher(rested, data, tmp_path, verbose=0)
