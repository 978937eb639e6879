"""A pruned network and the whole one around it, which teach each other."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.callbacks import Prune
from tfqd.distillation import FeatureDistillation, LogitsDistillation

BOTH = pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
X = np.random.default_rng(0).normal(size=(128, 8)).astype("float32")
Y = (X @ np.random.default_rng(1).normal(size=(8, 3))).argmax(-1)
LOSSES = {
    each: each.losses.SparseCategoricalCrossentropy(from_logits=True) for each in (keras, tf_keras)
}


def compiled(model, version, rate=0.02):
    model.compile(version.optimizers.Adam(rate), LOSSES[version], jit_compile=False)
    return model


def pruned(version, gradient="frozen", spec=None):
    """A small network, 70 % of whose weights have gone."""
    version.utils.set_random_seed(0)
    layers = version.layers
    hidden = [layers.Dense(32, name="hidden"), layers.BatchNormalization(), layers.ReLU()]
    model = version.Sequential([layers.Input((8,)), *hidden, layers.Dense(3, name="out")])
    student = compiled(tfqd.quantize_model(model, spec or tfqd.LearnedStep(bits=4)), version)
    student.fit(X, Y, epochs=3, verbose=0, callbacks=[Prune(0.7, gradient=gradient, every=2)])
    return student


def values(student):
    return [entry.value().numpy() for entry in student.quantized_variables]


def kernels(model):
    return [np.asarray(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]


@BOTH
@pytest.mark.parametrize("gradient", ["frozen", "revive"])
def test_the_teacher_is_the_whole_network_around_the_weights_kept(version, gradient):
    student = pruned(version, gradient)
    teacher = tfqd.unpruned(student)
    for kept, own in zip(values(student), kernels(teacher.network), strict=True):
        assert np.mean(kept == 0) == pytest.approx(0.7, abs=0.01)
        np.testing.assert_array_equal(own[kept != 0], kept[kept != 0])
        assert np.count_nonzero(own[kept == 0]) > 0.9 * np.sum(kept == 0)
    np.testing.assert_allclose(teacher(X), teacher.network(X), rtol=1e-5, atol=1e-5)
    # Weights that the student keeps are the student's, as it has them from then on.
    variable = student.quantized_variables[0].variable
    variable.assign(2 * tf.convert_to_tensor(variable))
    whole = kernels(teacher.network)[0]
    whole = np.where(values(student)[0] == 0, whole, values(student)[0])
    expected = with_kernel(teacher.network, whole)
    np.testing.assert_allclose(teacher(X), expected, rtol=1e-4, atol=1e-5)


def with_kernel(network, kernel):
    """What a network gives when its first kernel is this one."""
    layer = next(layer for layer in network.layers if hasattr(layer, "kernel"))
    before = layer.kernel.numpy()
    layer.kernel.assign(kernel)
    outputs = network(X)
    layer.kernel.assign(before)
    return outputs


@BOTH
def test_kept_weights_learn_from_the_student_and_pruned_ones_from_the_teacher(version):
    student = pruned(version)
    distiller = tfqd.Distiller(tfqd.unpruned(student), student)
    with tf.GradientTape() as tape:
        outputs = distiller.teacher(X, training=True)
        loss = tf.reduce_sum(outputs**2)
    own = distiller.teacher.network.trainable_variables
    variables = [*own, *student.trainable_variables]
    watched = [each.value if version is keras else each for each in variables]
    gradients = tape.gradient(loss, watched)
    kept = values(student)[0] != 0
    assert np.all(gradients[0].numpy()[kept] == 0)
    assert np.count_nonzero(gradients[0].numpy()[~kept]) > 0.5 * np.sum(~kept)
    assert all(gradient is None for gradient in gradients[len(own) :])


@BOTH
def test_both_learn_and_the_student_stays_pruned(version, tmp_path):
    student = pruned(version)
    before, zeros = values(student), [each == 0 for each in values(student)]
    teacher = tfqd.unpruned(student)
    away = kernels(teacher.network)
    distiller = compiled(tfqd.Distiller(teacher, student, student_loss_weight=0.5), version)
    logs = distiller.fit(X, Y, epochs=6, batch_size=16, verbose=0).history
    for name in ("loss", "student_loss", "teacher_loss"):
        assert logs[name][-1] < 0.9 * logs[name][0]
    for now, old, zero in zip(values(student), before, zeros, strict=True):
        np.testing.assert_array_equal(now == 0, zero)
        assert np.count_nonzero(now != old) > 0.5 * np.sum(~zero)
    for now, old, zero in zip(kernels(teacher.network), away, zeros, strict=True):
        np.testing.assert_array_equal(now[~zero], old[~zero])
        assert np.count_nonzero(now[zero] != old[zero]) > 0.5 * np.sum(zero)
    tfqd.save(student, tmp_path / "student.tfqd")
    loaded = tfqd.load(tmp_path / "student.tfqd")
    np.testing.assert_allclose(loaded(X), student(X), rtol=1e-5, atol=1e-5)
    shares = [np.mean(each.dequantize() == 0) for each in tfqd.compress(student).quantized.values()]
    assert min(shares) >= 0.69


@BOTH
def test_an_evaluation_is_of_the_student_alone_and_moves_nothing(version):
    student = pruned(version)
    distiller = compiled(tfqd.Distiller(tfqd.unpruned(student), student), version)
    before = [np.array(each) for each in distiller.teacher.network.get_weights()]
    logs = distiller.evaluate(X, Y, verbose=0, return_dict=True)
    total = 0.3 * logs["student_loss"] + 0.7 * logs["distillation_loss"]
    assert logs["loss"] == pytest.approx(total, rel=1e-4)
    for now, old in zip(distiller.teacher.network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, old)


def test_the_warm_up_is_a_schedule_and_features_teach_the_student_alone():
    student = pruned(keras)
    warm_up = keras.optimizers.schedules.PiecewiseConstantDecay([8], [1.0, 0.5])
    losses = [LogitsDistillation(2.0), FeatureDistillation("hidden", "hidden")]
    distiller = tfqd.Distiller(tfqd.unpruned(student), student, losses, student_loss_weight=warm_up)
    logs = compiled(distiller, keras).fit(X, Y, epochs=4, batch_size=16, verbose=0).history
    assert logs["teacher_loss"][-1] < logs["teacher_loss"][0]


def test_a_distiller_that_is_read_from_a_file_goes_on(tmp_path):
    student = pruned(keras)
    distiller = compiled(tfqd.Distiller(tfqd.unpruned(student), student), keras)
    distiller.fit(X, Y, batch_size=16, verbose=0)
    distiller.save(tmp_path / "distiller.keras")
    loaded = keras.saving.load_model(tmp_path / "distiller.keras")
    np.testing.assert_allclose(loaded.teacher(X), distiller.teacher(X), rtol=1e-5)
    for each in (distiller, loaded):
        each.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    np.testing.assert_allclose(loaded(X), distiller(X), rtol=1e-4, atol=1e-5)
    assert all(
        np.array_equal(now == 0, then == 0)
        for now, then in zip(values(loaded.student), values(student), strict=True)
    )


@BOTH
def test_weights_pruned_while_both_learn_go_on_in_the_teacher_as_they_were(version):
    class LastStep(version.callbacks.Callback):
        """Keeps what the student was before Prune chose for the last time."""

        def on_train_batch_end(self, batch, logs=None):
            self.before = values(student)

    student, see = pruned(version), LastStep()
    teacher = tfqd.unpruned(student)
    distiller = compiled(tfqd.Distiller(teacher, student, student_loss_weight=0.5), version)
    prune = Prune(0.9, end=1, every=8)
    distiller.fit(X, Y, epochs=3, batch_size=16, verbose=0, callbacks=[prune, see])
    compared = 0
    for now, own, before in zip(values(student), kernels(teacher.network), see.before, strict=True):
        new = (now == 0) & (before != 0)
        np.testing.assert_array_equal(own[new], before[new])
        compared += np.sum(new)
    assert compared > 0


@BOTH
def test_weights_pruned_before_a_file_was_read_are_not_known(version, tmp_path):
    path = tmp_path / "student.keras"
    pruned(version).save(path)
    loaded = version.saving.load_model(path)
    for gradient in ("revive", "frozen"):
        more = [Prune(0.8, gradient=gradient, every=2)]
        loaded.fit(X, Y, epochs=4, initial_epoch=3, verbose=0, callbacks=more)
        with pytest.raises(ValueError, match=r"is not known; .* as in a file of a pruned model"):
            tfqd.unpruned(loaded)


def test_a_few_weights_that_began_at_zero_are_no_reason_to_refuse():
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(99)])
    model.layers[0].kernel.assign(np.maximum(np.arange(8 * 99).reshape(8, 99), 1) % 99)
    student = compiled(tfqd.quantize_model(model, tfqd.LearnedStep(bits=4)), keras)
    student.layers[0].trainable = False
    student.fit(X, Y, verbose=0, callbacks=[Prune(0.9)])
    assert tfqd.unpruned(student).is_whole_of(student)


def test_what_is_no_pruned_student_is_refused():
    student = pruned(keras)
    with pytest.raises(TypeError, match="model must be a Keras model"):
        tfqd.unpruned("student")
    never = tfqd.quantize_model(keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)]), 4)
    with pytest.raises(ValueError, match=r"pruned away from model .* is not known; fit"):
        tfqd.unpruned(never)
    with pytest.raises(ValueError, match="whole network of another model than student"):
        tfqd.Distiller(tfqd.unpruned(student), pruned(keras))
