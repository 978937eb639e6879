"""What every distillation loss keeps to."""

import importlib
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfqd.distillation import (
    AttentionTransfer,
    DistillationLoss,
    FeatureDistillation,
    LogitsDistillation,
    RegressionDistillation,
    RelationalDistillation,
    SequenceDistillation,
    SimilarityPreserving,
)

LOSSES = [
    LogitsDistillation(1.5, from_logits=False, output="a", name="soft"),
    LogitsDistillation(),
    LogitsDistillation(2.0, "categorical_crossentropy"),
    LogitsDistillation(loss={"a": "mean_squared_error", "b": None}),
    RegressionDistillation("mae", output="a"),
    SequenceDistillation(2.0),
    SequenceDistillation(None, from_logits=False, output=1, name="words"),
    FeatureDistillation("conv5", "conv3", projection=False, loss="cosine", name="hint"),
    FeatureDistillation(),
    AttentionTransfer("conv5", "conv3", p=1.5, name="attention"),
    AttentionTransfer(),
    SimilarityPreserving("conv5", None, name="alike"),
    RelationalDistillation(None, "conv3"),
]
DEFAULTS = [
    LogitsDistillation(),
    RegressionDistillation(),
    SequenceDistillation(),
    FeatureDistillation(),
    AttentionTransfer(),
    SimilarityPreserving(),
    RelationalDistillation(),
]
RNG = np.random.default_rng(0)
TEACHER, STUDENT = RNG.normal(size=(2, 4, 3, 5)).astype(np.float32)
TYPES = {"ids": lambda loss: type(loss).__name__}


def descend(loss, student, steps=1, rate=0.02):
    """The losses of gradient descent on the student's outputs themselves."""
    values = []
    student = tf.Variable(student)
    for _ in range(steps + 1):
        with tf.GradientTape() as tape:
            value = loss.compute_loss(TEACHER, student)
        values.append(float(value))
        student.assign_sub(rate * tape.gradient(value, student))
    return values


@pytest.mark.parametrize("loss", LOSSES, **TYPES)
def test_is_made_again_by_keras(loss):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert vars(again) == vars(loss)


@pytest.mark.parametrize("loss", DEFAULTS, **TYPES)
def test_is_a_loss_of_keras_with_a_name_of_its_own(loss):
    assert isinstance(loss, DistillationLoss)
    assert isinstance(loss, keras.distillation.DistillationLoss)
    words = "".join("_" + c.lower() if c.isupper() else c for c in type(loss).__name__)
    assert loss.name == words.lstrip("_")
    assert (loss.teacher_layer_name, loss.student_layer_name) == (None, None)
    assert type(loss)(name="another").name == "another"


@pytest.mark.parametrize("loss", DEFAULTS, **TYPES)
@pytest.mark.parametrize("name", ["", None, 3])
def test_refuses_a_name_that_is_none(loss, name):
    with pytest.raises(ValueError, match="name must be a text"):
        type(loss)(name=name)


@pytest.mark.parametrize("loss", DEFAULTS[3:], **TYPES)
@pytest.mark.parametrize("role", ["teacher_layer_name", "student_layer_name"])
def test_refuses_a_layer_name_that_is_none(loss, role):
    for name in ("", 3, ["conv"]):
        with pytest.raises(ValueError, match=f"{role} must be None or a name"):
            type(loss)(**{role: name})


@pytest.mark.parametrize("loss", DEFAULTS, **TYPES)
def test_is_a_float32_scalar_whatever_comes_in(loss):
    expected = loss.compute_loss(TEACHER, STUDENT)
    assert expected.dtype == tf.float32
    assert expected.shape == ()
    for dtype in (tf.float16, tf.bfloat16, tf.float64):
        teacher, student = tf.cast(TEACHER, dtype), tf.cast(STUDENT, dtype)
        value = loss.compute_loss(teacher, student)
        assert value.dtype == tf.float32
        rounded = [tf.cast(outputs, tf.float32) for outputs in (teacher, student)]
        np.testing.assert_allclose(value, loss.compute_loss(*rounded), rtol=1e-6)


@pytest.mark.parametrize("loss", DEFAULTS, **TYPES)
def test_is_the_same_compiled_for_batches_of_any_size(loss):
    expected = loss.compute_loss(TEACHER, STUDENT)
    weight = np.ones(len(TEACHER), np.float32)
    spec = tf.TensorSpec([None, 3, 5])
    graph = tf.function(loss.compute_loss, input_signature=[spec, spec])
    np.testing.assert_allclose(graph(TEACHER, STUDENT), expected, rtol=1e-5)

    @tf.function(jit_compile=True)
    def compiled(teacher, student):
        return loss.compute_loss(teacher, student, sample_weight=weight)

    np.testing.assert_allclose(compiled(TEACHER, STUDENT), expected, rtol=1e-5)


@pytest.mark.parametrize("loss", DEFAULTS, **TYPES)
def test_its_gradient_leads_the_student_to_the_teacher(loss):
    values = descend(loss, STUDENT, steps=10)
    assert all(later < earlier for earlier, later in itertools.pairwise(values))
    assert float(loss.compute_loss(TEACHER, TEACHER)) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("loss", DEFAULTS, **TYPES)
def test_the_teacher_gets_no_gradient(loss):
    teacher = tf.Variable(TEACHER)
    with tf.GradientTape() as tape:
        value = loss.compute_loss(teacher, STUDENT)
    assert tape.gradient(value, teacher) is None


@pytest.mark.parametrize("loss", DEFAULTS, **TYPES)
def test_weights_of_one_change_nothing_and_weights_of_zero_leave_nothing(loss):
    ones = np.ones(len(TEACHER), np.float32)
    expected = float(loss.compute_loss(TEACHER, STUDENT))
    weighted = loss.compute_loss(TEACHER, STUDENT, sample_weight=ones)
    assert float(weighted) == pytest.approx(expected, rel=1e-6)
    silenced = loss.compute_loss(TEACHER, STUDENT, sample_weight=0 * ones)
    assert float(silenced) == 0.0


@pytest.mark.parametrize("loss", DEFAULTS, **TYPES)
def test_what_is_masked_does_not_matter(loss):
    mask = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 0, 1]], bool)
    expected = loss.compute_loss(TEACHER, STUDENT, mask=mask)
    other = np.where(mask[..., None], STUDENT, 7.0).astype(np.float32)
    np.testing.assert_allclose(loss.compute_loss(TEACHER, other, mask=mask), expected, rtol=1e-5)
    assert abs(float(loss.compute_loss(TEACHER, other)) - float(expected)) > 1e-3


@pytest.mark.parametrize("library", ["keras", "tf_keras"])
@pytest.mark.parametrize("loss", DEFAULTS, **TYPES)
def test_builds_in_layers_of_either_keras(loss, library):
    layer = importlib.import_module(library).layers.Layer()
    state = loss.build((None, 3, 5), (None, 3, 5), layer)
    assert state == {}
    assert list(layer.trainable_weights) == []


def network(units):
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((3, 5)), layers.Dense(units, name="hidden"), layers.Dense(5)]
    )


@pytest.mark.parametrize(
    "loss",
    [
        LogitsDistillation(2.0),
        SequenceDistillation(2.0),
        FeatureDistillation("hidden", "hidden"),
        AttentionTransfer("hidden", "hidden"),
        SimilarityPreserving("hidden", "hidden"),
        RelationalDistillation("hidden", "hidden"),
    ],
    **TYPES,
)
def test_trains_in_the_distiller_of_keras(loss, tmp_path):
    keras.utils.set_random_seed(1)
    distiller = keras.distillation.Distiller(
        network(4), network(4), distillation_losses=loss, student_loss_weight=0.01
    )
    distiller.compile(keras.optimizers.SGD(0.05), "mse")
    logs = distiller.fit(TEACHER, TEACHER, batch_size=4, epochs=8, verbose=0).history
    assert logs["distillation_loss"][-1] < logs["distillation_loss"][0]
    distiller.save(tmp_path / "distiller.keras")
    again = keras.saving.load_model(tmp_path / "distiller.keras", compile=False)
    assert again.distillation_losses[0].get_config() == loss.get_config()
