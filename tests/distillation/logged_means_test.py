"""What a Distiller logs: means over examples, as Keras' own loss is, of what was computed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
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
    for version in (keras, tf_keras):  # tf_keras has a generator of its own, once it was seeded
        version.utils.set_random_seed(3)


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


def batches():
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(40)


@BOTH
@pytest.mark.parametrize("eager", [False, True], ids=["traced", "eager"])
@pytest.mark.usefixtures("seeded")
def test_a_validation_without_the_teachers_answers_is_of_the_labels_in_full(
    tmp_path, version, eager
):
    teacher, student = network(version, 16), network(version, 8)
    cached = tfqd.distillation.cache_teacher(teacher, batches(), tmp_path, verbose=0)
    losses = [LogitsDistillation(2.0), LogitsDistillation(4.0, name="warm")]
    distiller = tfqd.Distiller(cached, student, losses)
    loss = version.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile("sgd", loss, jit_compile=False, run_eagerly=eager)
    data = cached.attach(batches())
    logs = distiller.fit(data, epochs=2, validation_data=batches(), verbose=0).history
    assert {"student_loss", "distillation_loss", "logits_distillation", "warm"} <= logs.keys()
    validated = {name for name in logs if name.startswith("val_")}
    assert validated == {"val_loss", "val_student_loss", "val_total_loss"}
    expected = float(loss(Y, student(X))) + float(student.losses[0])
    assert logs["val_loss"][-1] == pytest.approx(expected, rel=1e-5)
    assert logs["val_total_loss"][-1] == pytest.approx(expected, rel=1e-5)
    taught = distiller.evaluate(data, verbose=0, return_dict=True)
    assert {"distillation_loss", "warm"} <= taught.keys()
    total = 0.5 * taught["student_loss"] + 0.5 * taught["distillation_loss"]
    assert taught["loss"] == pytest.approx(total + float(student.losses[0]), rel=1e-5)


@BOTH
@pytest.mark.usefixtures("seeded")
def test_what_no_step_computes_is_not_logged(version):
    alone = compiled(
        tfqd.Distiller(network(version, 16), network(version, 8), student_loss_weight=1), version
    )
    assert trained(alone, 96).keys() == {
        f"{prefix}{name}"
        for prefix in ("", "val_")
        for name in ("loss", "student_loss", "total_loss")
    }
    values = alone.evaluate(X, Y, verbose=0)
    assert dict(zip(alone.metrics_names, values, strict=True)).keys() == {
        "loss",
        "student_loss",
        "total_loss",
    }


@BOTH
@pytest.mark.usefixtures("seeded")
def test_a_validation_with_nothing_to_learn_has_no_loss(tmp_path, version):
    teacher = network(version, 16)
    cached = tfqd.distillation.cache_teacher(teacher, batches(), tmp_path, verbose=0)
    distiller = tfqd.Distiller(cached, network(version, 8), student_loss_weight=0)
    distiller.compile("sgd", metrics=["accuracy"], jit_compile=False)
    logs = distiller.fit(cached.attach(batches()), validation_data=batches(), verbose=0).history
    assert {"loss", "total_loss", "distillation_loss"} <= logs.keys()
    assert {name for name in logs if name.startswith("val_")} == {"val_accuracy"}


@BOTH
def test_losses_of_equal_names_are_told_apart_whatever_the_names_are(version):
    losses = [LogitsDistillation(2.0, name=name) for name in ("soft", "soft", "soft_1")]
    distiller = tfqd.Distiller(network(version, 16), network(version, 8), losses)
    assert [each.name for each in distiller.loss_trackers] == ["soft", "soft_1", "soft_1_1"]
