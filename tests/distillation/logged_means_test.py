"""What a Distiller logs are means over examples, as Keras' own loss is, however batches end."""

import keras
import numpy as np
import pytest
import tf_keras
from small_networks import X, Y

import tfqd
from tfqd.distillation import LogitsDistillation

BOTH = pytest.mark.parametrize("version", [keras, tf_keras], ids=["Keras 3", "tf_keras"])


def network(version, units):
    layers = version.layers
    penalty = version.regularizers.L2(0.01)
    hidden = layers.Dense(units, "relu", kernel_regularizer=penalty, name="hidden")
    return version.Sequential([layers.Input((6,)), hidden, layers.Dense(3, name="logits")])


def compiled(distiller, version):
    """For the labels of `Y`, so that nothing moves in training."""
    loss = version.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile(version.optimizers.SGD(0.0), loss, jit_compile=False)
    return distiller


@pytest.fixture
def seeded():
    keras.utils.set_random_seed(3)


def trained(distiller, batch_size):
    """The logs of an epoch in which nothing moves, and of the validation after it."""
    options = {"batch_size": batch_size, "shuffle": False, "verbose": 0}
    history = distiller.fit(X, Y, validation_data=(X, Y), **options).history
    return {name: values[0] for name, values in history.items()}


@BOTH
@pytest.mark.usefixtures("seeded")
def test_a_smaller_last_batch_counts_by_its_examples(version):
    losses = [LogitsDistillation(2.0), LogitsDistillation(4.0, name="warm")]
    student = tfqd.quantize_model(network(version, 8), 4)
    distiller = compiled(tfqd.Distiller(network(version, 16), student, losses), version)
    whole, parts = trained(distiller, len(X)), trained(distiller, 70)
    parts_of_loss = {"student_loss", "distillation_loss", "logits_distillation", "warm"}
    assert parts_of_loss | {"loss", "total_loss"} <= whole.keys()
    assert parts == pytest.approx(whole, rel=1e-5)
    assert parts["total_loss"] == pytest.approx(parts["loss"], rel=1e-6)
    assert parts["val_total_loss"] == pytest.approx(parts["val_loss"], rel=1e-6)


@BOTH
@pytest.mark.usefixtures("seeded")
def test_so_do_the_loss_of_a_teacher_that_learns_and_the_cosine(version):
    student = tfqd.quantize_model(network(version, 8), tfqd.LearnedStep(bits=4))
    compiled(student, version)
    prune = tfqd.callbacks.Prune(0.5, gradient="frozen", every=1)
    student.fit(X, Y, epochs=2, verbose=0, callbacks=[prune])
    distiller = tfqd.Distiller(tfqd.unpruned(student), student, log_gradient_cosine=True)
    compiled(distiller, version)
    first, second = (
        {name: values[0] for name, values in distiller.fit(x, y, 96, verbose=0).history.items()}
        for x, y in ((X[:70], Y[:70]), (X[70:], Y[70:]))
    )
    logs = trained(distiller, 70)
    for name in ("teacher_loss", "gradient_cosine"):
        expected = np.average([first[name], second[name]], weights=[70, 26])
        assert logs[name] == pytest.approx(expected, rel=1e-5), name
