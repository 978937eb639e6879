import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfqd.distillation import FeatureDistillation

RNG = np.random.default_rng(0)
TEACHER, STUDENT = RNG.normal(size=(2, 4, 6, 2, 3)).astype(np.float32)


def distance(teacher, student, loss="mse", **options):
    return float(FeatureDistillation(loss=loss).compute_loss(teacher, student, **options))


def pooled(features, height, width):
    """Means over blocks, one at a time."""
    batch, full_height, full_width, channels = features.shape
    rows, columns = full_height // height, full_width // width
    means = np.zeros((batch, height, width, channels))
    for i in range(height):
        for j in range(width):
            block = features[:, i * rows : (i + 1) * rows, j * columns : (j + 1) * columns]
            means[:, i, j] = block.mean(axis=(1, 2))
    return means


def test_losses_by_hand():
    teacher, student = np.array([[3.0, 4.0]]), np.array([[4.0, 2.0]])
    assert distance(teacher, student) == pytest.approx((1 + 4) / 2)
    assert distance(teacher, student, "mae") == pytest.approx((1 + 2) / 2)
    cosine = (12 + 8) / (5 * 20**0.5)
    assert distance(teacher, student, "cosine") == pytest.approx(1 - cosine, rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_equals_keras_feature_distillation(loss):
    theirs = keras.distillation.FeatureDistillation(loss).compute_loss(TEACHER, STUDENT)
    assert distance(TEACHER, STUDENT, loss) == pytest.approx(float(theirs), rel=1e-6)


def test_weights_and_masks():
    error = ((TEACHER - STUDENT) ** 2).mean(-1)
    weight, mask = RNG.random(4), RNG.random((4, 6, 2)) < 0.5
    mask[:, 0] = True
    per_sample = (error * mask).sum((1, 2)) / mask.sum((1, 2))
    value = distance(TEACHER, STUDENT, sample_weight=weight, mask=mask)
    assert value == pytest.approx(np.mean(weight * per_sample), rel=1e-5)


@pytest.mark.parametrize(
    ("teacher_size", "student_size"), [((6, 2), (3, 2)), ((3, 1), (6, 4)), ((6, 1), (2, 3))]
)
def test_the_larger_features_are_averaged(teacher_size, student_size):
    teacher = RNG.normal(size=(4, *teacher_size, 3)).astype(np.float32)
    student = RNG.normal(size=(4, *student_size, 3)).astype(np.float32)
    size = np.minimum(teacher_size, student_size)
    expected = np.mean((pooled(teacher, *size) - pooled(student, *size)) ** 2)
    assert distance(teacher, student) == pytest.approx(expected, rel=1e-5)


def test_sizes_not_known_before_the_run_must_be_equal_in_it():
    loss = FeatureDistillation()
    specs = [tf.TensorSpec([None, None, None, 3])] * 2
    graph = tf.function(loss.compute_loss, input_signature=specs)
    expected = distance(TEACHER, STUDENT)
    assert float(graph(TEACHER, STUDENT)) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="features differ in axis 1"):
        graph(TEACHER, STUDENT[:, :1])


@pytest.mark.parametrize("library", ["keras", "tf_keras"])
def test_a_projection_of_the_students_channels_is_trained(library):
    layer = importlib.import_module(library).layers.Layer()
    loss = FeatureDistillation("deep", "shallow", name="hint")
    state = loss.build((None, 6, 2, 5), (None, 6, 2, 3), layer)
    (kernel,) = layer.trainable_weights
    assert state == {"projection": kernel}
    assert tuple(kernel.shape) == (3, 5)
    assert "hint_projection" in kernel.name
    teacher = RNG.normal(size=(4, 6, 2, 5)).astype(np.float32)
    expected = np.mean((teacher - STUDENT @ kernel.numpy()) ** 2)
    with tf.GradientTape() as tape:
        value = loss.compute_loss(teacher, STUDENT, state=state)
    assert float(value) == pytest.approx(expected, rel=1e-5)
    kernel = getattr(kernel, "value", kernel) if library == "keras" else kernel
    gradient = tape.gradient(value, kernel)
    by_hand = 2 * np.einsum("bhwi,bhwo->io", STUDENT, STUDENT @ kernel.numpy() - teacher)
    np.testing.assert_allclose(gradient, by_hand / teacher.size, rtol=1e-4, atol=1e-6)


def test_the_projection_learns_what_a_linear_map_can():
    layer = keras.layers.Layer()
    loss = FeatureDistillation()
    state = loss.build((None, 4), (None, 3), layer)
    student = RNG.normal(size=(16, 3)).astype(np.float32)
    teacher = student @ RNG.normal(size=(3, 4)).astype(np.float32)
    before = float(loss.compute_loss(teacher, student, state=state))
    optimizer = keras.optimizers.Adam(0.1)
    for _ in range(150):
        with tf.GradientTape() as tape:
            value = loss.compute_loss(teacher, student, state=state)
        variable = layer.trainable_weights[0]
        optimizer.apply([tape.gradient(value, variable.value)], [variable])
    assert float(value) < 1e-3 * before


@pytest.mark.parametrize(
    ("teacher_shape", "student_shape"),
    [((None, 7, 7, 8), (None, 4, 4, 8)), ((None, 7, 8), (None, 8)), ((None, 6, 8), (None, 4, 8))],
)
def test_refuses_positions_that_are_no_multiples(teacher_shape, student_shape):
    loss = FeatureDistillation("deep", "shallow")
    message = (
        rf"teacher's layer 'deep' gives \({', '.join(map(str, teacher_shape))}\), "
        rf"the student's layer 'shallow' gives \({', '.join(map(str, student_shape))}\)"
    )
    with pytest.raises(ValueError, match=message):
        loss.build(teacher_shape, student_shape, keras.layers.Layer())
    teacher, student = (np.zeros((2, *shape[1:])) for shape in (teacher_shape, student_shape))
    with pytest.raises(ValueError, match="integer multiples"):
        loss.compute_loss(teacher, student)


def test_refuses_other_widths_without_a_projection():
    loss = FeatureDistillation("deep", projection=False)
    message = r"teacher's layer 'deep' gives \(None, 8\), the student's output gives \(None, 3\)"
    with pytest.raises(ValueError, match=message):
        loss.build((None, 8), (None, 3), keras.layers.Layer())
    with pytest.raises(ValueError, match=r"different widths .* gives \(2, 8\)"):
        loss.compute_loss(np.zeros((2, 8)), np.zeros((2, 3)))


def test_refuses_a_projection_of_a_width_not_known():
    with pytest.raises(ValueError, match="known for one"):
        FeatureDistillation().build((None, 8), (None, None), keras.layers.Layer())


def test_asks_for_its_variable_where_it_has_none():
    """So in the Distiller of Keras, which gives losses no variables."""
    with pytest.raises(ValueError, match="its variable as `state`"):
        FeatureDistillation().compute_loss(np.zeros((2, 8)), np.zeros((2, 3)))


@pytest.mark.parametrize("outputs", [[TEACHER, TEACHER], {"a": TEACHER, "b": TEACHER}])
def test_refuses_several_tensors(outputs):
    with pytest.raises(ValueError, match=r"one tensor of each model; got \[.*\(4, 6, 2, 3\), "):
        FeatureDistillation().compute_loss(outputs, outputs)


def test_refuses_features_without_channels():
    with pytest.raises(ValueError, match=r"positions..., channels\]; .* gives \(4,\)"):
        FeatureDistillation().compute_loss(np.zeros(4), np.zeros(4))


def test_refuses_an_unknown_loss():
    with pytest.raises(ValueError, match="loss must be one of 'mse', 'mae', 'cosine'; got 'l2'"):
        FeatureDistillation(loss="l2")
