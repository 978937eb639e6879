import keras
import numpy as np
import pytest

import tfqd
from tfqd.distillation import LogitsDistillation

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)
HARD = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def network(units=16, classes=3, regularizer=None, name="network"):
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(units, "relu", kernel_regularizer=regularizer),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(classes),
        ],
        name=name,
    )


def compiled(distiller, optimizer="adam", **kwargs):
    distiller.compile(optimizer, HARD, jit_compile=False, **kwargs)
    return distiller


def loss_of(distiller, **kwargs):
    return distiller.evaluate(X, Y, batch_size=len(X), verbose=0, return_dict=True, **kwargs)


def test_the_loss_is_the_weighted_sum_of_hard_soft_and_penalties():
    teacher, student = network(), network(8, regularizer=keras.regularizers.L2(0.1))
    soft = LogitsDistillation(3.0)
    logs = loss_of(compiled(tfqd.Distiller(teacher, student, soft, student_loss_weight=0.3)))
    hard = float(HARD(Y, student(X)))
    expected_soft = float(soft.compute_loss(teacher(X), student(X)))
    penalty = float(student.losses[0])
    assert penalty > 0.01
    assert logs["student_loss"] == pytest.approx(hard, rel=1e-5)
    assert logs["distillation_loss"] == pytest.approx(expected_soft, rel=1e-5)
    assert logs["loss"] == pytest.approx(0.3 * hard + 0.7 * expected_soft + penalty, rel=1e-5)


def test_training_a_quantized_student_beats_quantizing_it_afterwards():
    keras.utils.set_random_seed(1)
    teacher = network(64)
    teacher.compile("adam", HARD, jit_compile=False)
    teacher.fit(X, Y, epochs=60, verbose=0)
    student = tfqd.quantize_model(teacher, tfqd.Uniform(bits=1))
    distiller = compiled(tfqd.Distiller(teacher, student), metrics=["accuracy"])
    before = loss_of(distiller)
    distiller.fit(X, Y, epochs=40, verbose=0)
    after = loss_of(distiller)
    assert after["loss"] < 0.7 * before["loss"]
    assert after["accuracy"] > before["accuracy"]
    for tensor in tfqd.compress(student).quantized.values():
        assert tensor.codes.max() <= 1


def test_evaluation_and_prediction_use_the_quantized_weights():
    teacher = network()
    student = tfqd.quantize_model(teacher, tfqd.Uniform(bits=1))
    distiller = compiled(tfqd.Distiller(teacher, student))
    plain = tfqd.strip_quantization(student)
    predicted = distiller.predict(X, verbose=0)
    np.testing.assert_allclose(predicted, plain.predict(X, verbose=0), rtol=1e-5, atol=1e-5)
    assert np.abs(predicted - teacher.predict(X, verbose=0)).max() > 0.1
    assert loss_of(distiller)["student_loss"] == pytest.approx(float(HARD(Y, plain(X))), rel=1e-5)


def test_the_teacher_stays_as_it_was_and_runs_once_a_step_in_inference():
    calls = []

    @keras.saving.register_keras_serializable("distiller_test")
    class Spy(keras.layers.Layer):
        def call(self, x, training=None):
            calls.append(training)
            self.add_loss(keras.ops.sum(x) * 1000.0)
            return x

    teacher = keras.Sequential([network(), Spy()])
    teacher.build((None, 6))
    weights = [w.numpy() for w in teacher.weights]
    flags = [w.trainable for w in teacher.weights]
    distiller = compiled(tfqd.Distiller(teacher, network(8)), run_eagerly=True)
    calls.clear()
    logs = distiller.fit(X, Y, batch_size=len(X), verbose=0).history
    assert calls == [False]
    assert logs["loss"][0] < 100.0, "the teacher's own penalties are no business of the student's"
    assert flags == [w.trainable for w in teacher.weights]
    for before, after in zip(weights, teacher.weights, strict=True):
        np.testing.assert_array_equal(before, after)


def test_sample_weights_of_zero_leave_nothing_to_learn():
    distiller = compiled(tfqd.Distiller(network(), network(8)))
    logs = loss_of(distiller, sample_weight=np.zeros(len(X), np.float32))
    assert logs["loss"] == pytest.approx(0.0, abs=1e-7)


def test_a_student_loss_weight_of_one_does_not_run_the_teacher():
    calls = []

    class Spy(keras.Model):
        def call(self, x):
            calls.append(1)
            return x[:, :3]

    teacher = Spy()
    teacher(X)
    student = network(8)
    distiller = compiled(tfqd.Distiller(teacher, student, student_loss_weight=1.0))
    calls.clear()
    logs = loss_of(distiller)
    assert not calls
    assert logs["loss"] == pytest.approx(float(HARD(Y, student(X))), rel=1e-5)


def test_only_the_student_trains():
    teacher, student = network(), tfqd.quantize_model(network(8), tfqd.Codebook(bits=2))
    distiller = tfqd.Distiller(teacher, student)
    ours = {id(v) for v in distiller.trainable_variables}
    assert ours == {id(v) for v in student.trainable_variables}
    assert any("points" in v.name for v in distiller.trainable_variables)


def test_saving_keeps_student_teacher_losses_and_optimizer(tmp_path):
    student = tfqd.quantize_model(network(8), tfqd.Codebook(bits=2))
    soft = LogitsDistillation(1.5)
    distiller = compiled(tfqd.Distiller(network(), student, soft, student_loss_weight=0.25))
    distiller.fit(X, Y, epochs=2, verbose=0)
    path = tmp_path / "distiller.keras"
    distiller.save(path)
    reloaded = keras.saving.load_model(path)
    assert reloaded.student_loss_weight == 0.25
    assert int(reloaded.optimizer.iterations) == int(distiller.optimizer.iterations) > 0
    assert loss_of(reloaded) == pytest.approx(loss_of(distiller), rel=1e-6)
    for model in (distiller, reloaded):
        model.fit(X, Y, shuffle=False, verbose=0)
    np.testing.assert_allclose(
        reloaded.predict(X, verbose=0), distiller.predict(X, verbose=0), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"teacher": "resnet"}, TypeError, "teacher must be a Keras 3 model; got str"),
        ({"student": None}, TypeError, "student must be a Keras 3 model; got NoneType"),
        ({"student": keras.Sequential([keras.layers.Dense(3)])}, ValueError, "is not built"),
        ({"student": network(classes=4, name="four")}, ValueError, r"'four' gives \(None, 4\)"),
        ({"student_loss_weight": 1.5}, ValueError, "number between 0 and 1; got 1.5"),
        ({"student_loss_weight": "0.5"}, ValueError, "number between 0 and 1; got '0.5'"),
        ({"distillation_loss": "kl"}, TypeError, "distillation_loss must have compute_loss"),
    ],
)
def test_bad_input_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        tfqd.Distiller(**{"teacher": network(), "student": network(8), **arguments})
