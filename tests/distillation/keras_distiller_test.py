"""Beside ``keras.distillation.Distiller``: equal where it is right, without its faults."""

import inspect

import keras
import numpy as np
import pytest
from keras.distillation import FeatureDistillation as KerasFeatures
from keras.distillation import LogitsDistillation as KerasLogits
from small_networks import HARD, X, Y, compiled, loss_of, network

import tfqd
from tfqd.distillation import FeatureDistillation, LogitsDistillation

KL = keras.losses.KLDivergence()


def both(student, losses, **kwargs):
    """Keras' distiller and ours, compiled, on one teacher and one student."""
    keras.utils.set_random_seed(5)
    teacher = network()
    return [
        compiled(distiller(teacher, student, losses, **kwargs))
        for distiller in (keras.distillation.Distiller, tfqd.Distiller)
    ]


def hidden_features():
    return KerasFeatures("mse", "hidden", "hidden")


@pytest.mark.parametrize(
    "losses",
    [
        KerasLogits(3.0, KL),
        [KerasLogits(2.0, "categorical_crossentropy")],
        [KerasLogits(3.0, KL), hidden_features()],
    ],
)
def test_keras_losses_give_keras_values(losses):
    student = network(norm=False)
    theirs, ours = map(loss_of, both(student, losses, student_loss_weight=0.3))
    for key in ("student_loss", "distillation_loss", "loss"):
        assert ours[key] == pytest.approx(theirs[key], rel=1e-5), key


def test_the_constructor_begins_as_that_of_keras():
    theirs, ours = (
        list(inspect.signature(distiller).parameters.values())
        for distiller in (keras.distillation.Distiller.__init__, tfqd.Distiller)
    )
    _, *arguments, options = theirs
    assert [each.name for each in ours[: len(arguments)]] == [each.name for each in arguments]
    assert [(each.name, each.kind) for each in ours[len(arguments) :]] == [
        ("log_gradient_cosine", inspect.Parameter.KEYWORD_ONLY),
        (options.name, options.kind),
    ]

    class Own(tfqd.Distiller):
        def __init__(self, strength):
            super().__init__(network(), network())

    assert [*inspect.signature(Own).parameters] == ["strength"]


def test_our_losses_work_in_keras_distiller_too():
    losses = [LogitsDistillation(2.0), FeatureDistillation("hidden", "hidden")]
    theirs, ours = map(
        loss_of, both(network(norm=False), losses, distillation_loss_weights=[1.0, 0.5])
    )
    assert ours["distillation_loss"] == pytest.approx(theirs["distillation_loss"], rel=1e-5)


def test_first_fault_regularizers_count():
    plain, penalized = network(), network(regularizer=keras.regularizers.L2(100.0))
    penalized.set_weights(plain.get_weights())
    differences = [
        loss_of(b)["loss"] - loss_of(a)["loss"]
        for a, b in zip(
            both(plain, KerasLogits(3.0, KL)), both(penalized, KerasLogits(3.0, KL)), strict=True
        )
    ]
    assert differences[0] == pytest.approx(0.0, abs=1e-6), "Keras drops them"
    assert differences[1] == pytest.approx(float(penalized.losses[0]), rel=1e-5)


def test_second_fault_sample_weights_count():
    nothing = np.zeros(len(X), np.float32)
    theirs, ours = both(network(), LogitsDistillation(3.0))
    assert loss_of(theirs, sample_weight=nothing)["loss"] > 0.1, "Keras ignores them"
    assert loss_of(ours, sample_weight=nothing)["loss"] == pytest.approx(0.0, abs=1e-7)


def test_third_fault_the_student_runs_once_a_step_whatever_the_losses():
    calls = []

    class Spy(keras.layers.Layer):
        def call(self, x):
            calls.append(1)
            return x

    student = keras.Sequential(
        [keras.Input((6,)), Spy(), keras.layers.Dense(16, name="hidden"), keras.layers.Dense(3)]
    )
    losses = [LogitsDistillation(3.0), hidden_features()]
    passes = []
    for distiller in both(student, losses):
        distiller.compile("sgd", HARD, run_eagerly=True)
        distiller.fit(X[:8], Y[:8], verbose=0)
        calls.clear()
        distiller.fit(X, Y, batch_size=len(X), verbose=0)
        passes.append(len(calls))
    assert passes == [2, 1]


def test_fourth_fault_features_of_another_width_are_projected():
    losses = [LogitsDistillation(3.0), FeatureDistillation("hidden", "hidden")]
    distiller = compiled(tfqd.Distiller(network(16), network(4), losses))
    (projection,) = (v for v in distiller.trainable_variables if "projection" in v.path)
    assert tuple(projection.shape) == (4, 16)
    before = projection.numpy()
    logs = distiller.fit(X, Y, epochs=20, verbose=0).history
    assert np.abs(projection.numpy() - before).max() > 1e-3
    assert logs["feature_distillation"][-1] < 0.8 * logs["feature_distillation"][0]
    keras_losses = [LogitsDistillation(3.0), hidden_features()]
    with pytest.raises(ValueError, match="Dimensions must be equal"):
        compiled(keras.distillation.Distiller(network(16), network(4), keras_losses)).fit(
            X, Y, verbose=0
        )


def test_fifth_fault_the_optimizer_survives_a_reload(tmp_path):
    losses = [LogitsDistillation(3.0), FeatureDistillation("hidden", "hidden")]
    distiller = compiled(tfqd.Distiller(network(16), network(4), losses))
    distiller.fit(X, Y, shuffle=False, verbose=0)
    distiller.save(tmp_path / "distiller.keras")
    reloaded = keras.saving.load_model(tmp_path / "distiller.keras")
    for model in (distiller, reloaded):
        model.fit(X, Y, shuffle=False, verbose=0)
    assert int(reloaded.optimizer.iterations) == 6
    for one, other in zip(distiller.weights, reloaded.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_sixth_fault_our_default_compares_probabilities_not_raw_logits():
    student = network()
    by_name, _ = both(student, KerasLogits(3.0))
    by_object, ours = both(student, KerasLogits(3.0, KL))
    right = loss_of(by_object)["distillation_loss"]
    assert loss_of(ours)["distillation_loss"] == pytest.approx(right, rel=1e-5)
    assert loss_of(by_name)["distillation_loss"] != pytest.approx(right, rel=0.01)


def test_seventh_fault_an_evaluation_does_not_train_the_statistics():
    changes = []
    for distiller in both(network(), [LogitsDistillation(3.0), hidden_features()]):
        mean = distiller.student.get_layer("norm").moving_mean
        before = mean.numpy()
        loss_of(distiller)
        changes.append(np.abs(mean.numpy() - before).max())
    assert changes[0] > 1e-4, "Keras runs the student in training mode for its features"
    assert changes[1] == 0.0


def test_losses_and_targets_go_to_outputs_by_their_names():
    def network(units):
        x = keras.Input((4,))
        hidden = keras.layers.Dense(units)(x)
        outputs = [keras.layers.Dense(n, name=name)(hidden) for name, n in (("a", 2), ("b", 3))]
        return keras.Model(x, outputs)

    distiller = tfqd.Distiller(network(5), tfqd.quantize_model(network(3), 4))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile("sgd", {"a": loss, "b": loss}, metrics={"b": ["accuracy"]}, jit_compile=False)
    x, y = np.ones((8, 4), "float32"), np.arange(8) % 2
    logs = distiller.fit(x, {"a": y, "b": y}, verbose=0).history
    assert logs["a_loss"][0] + logs["b_loss"][0] == pytest.approx(logs["student_loss"][0], rel=1e-5)
    assert "b_accuracy" in logs
