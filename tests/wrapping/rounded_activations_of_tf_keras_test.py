"""tf_keras models whose activations are rounded, from their graphs to the file of integers."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

import tfqd

DEPLOYABLE = tfqd.presets.deployable(8)
IMAGES = np.random.default_rng(0).normal(size=(48, 8, 8, 3)).astype(np.float32)
CLASSES = np.arange(48) % 4
LOSS = "sparse_categorical_crossentropy"


def convolution(x, name):
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(name=f"{name}_norm")(x)


def residual():
    """A sum by an operator of Python, a concatenation, a model in a model, a softmax."""
    image = tf_keras.Input((8, 8, 3), name="image")
    x = layers.ReLU(name="stem_relu")(convolution(image, "stem"))
    x = layers.ReLU(name="sum_relu")(x + convolution(x, "outer"))
    x = layers.Concatenate()([x, layers.ReLU()(convolution(x, "beside"))])
    inner = tf_keras.Sequential([tf_keras.Input((8, 8, 8)), layers.GlobalAveragePooling2D()])
    classes = layers.Dense(4, activation="softmax", name="classes")
    return tf_keras.Model(
        image, classes(inner(layers.MaxPooling2D(2, padding="same", strides=1)(x)))
    )


@pytest.fixture(name="model", scope="module")
def trained_model():
    tf_keras.utils.set_random_seed(0)
    model = tfqd.quantize_model(residual(), DEPLOYABLE, activations=tfqd.Activations(bits=4))
    with pytest.raises(ValueError, match="range of activations 'image_range' is not known yet"):
        model(IMAGES)
    tfqd.calibrate(model, IMAGES)
    model.compile(tf_keras.optimizers.Adam(3e-3), LOSS)
    before = [layer.ends for layer in model.quantized_activations]
    model.fit(IMAGES, CLASSES, epochs=3, batch_size=16, verbose=0)
    assert before != [layer.ends for layer in model.quantized_activations]
    losses = model.history.history["loss"]
    assert losses[-1] < losses[0]
    return model


def test_ranges_are_where_those_of_keras_3_are(model):
    lines = []
    model.summary(print_fn=lines.append)
    assert [layer.name for layer in model.quantized_activations] == [
        *("image_range", "stem_relu_range", "outer_norm_range", "sum_relu_range"),
        *("global_average_pooling2d_range", "classes_range", "classes_softmax_range"),
    ]
    assert "one range for sum_relu, re_lu" in lines[-1]
    assert model.output_names == ["classes"]


def test_files_keep_the_ranges(model, tmp_path):
    expected = model(IMAGES)
    model.save(tmp_path / "m.keras")
    tfqd.save(model, tmp_path / "m.tfqd")
    tfqd.export.saved_model(model, tmp_path / "served", probes=IMAGES[:4])
    for again in (
        tf_keras.models.load_model(tmp_path / "m.keras"),
        tfqd.load(tmp_path / "m.tfqd"),
        tfqd.load(tmp_path / "m.tfqd", kind="quantized"),
        tfqd.strip_quantization(model),
    ):
        np.testing.assert_array_equal(again(IMAGES), expected)
    served = tf.saved_model.load(tmp_path / "served" / "1").signatures["serving_default"]
    np.testing.assert_allclose(served(image=IMAGES)["classes"], expected, atol=1 / 128)


def test_the_file_computes_what_the_model_computes(model, tmp_path):
    path = tmp_path / "m.tflite"
    result = tfqd.export.tflite(model, path, io_dtype="int8", probes=IMAGES[:32])
    assert not {"QUANTIZE", "DEQUANTIZE"} & result.report.operators.keys()
    assert result.report.weight_error == 0
    (simulated,) = tfqd.export.simulate_integer(path, IMAGES).values()
    steps = np.rint((np.asarray(model(IMAGES)) * 256) - 128) - simulated
    assert np.abs(steps).max() <= 1


def test_a_student_is_distilled_by_its_own_floats(model):
    student = tf_keras.models.clone_model(model)
    student.set_weights(model.get_weights())
    distiller = tfqd.Distiller(
        None, student, tfqd.distillation.LogitsDistillation(from_logits=False)
    )
    teacher_ranges = [layer for layer in distiller.teacher.layers if layer.name.endswith("_range")]
    assert teacher_ranges
    assert not any(layer.active for layer in teacher_ranges)
    distiller.compile("sgd", LOSS)
    distiller.fit(IMAGES, CLASSES, verbose=0)
    assert student.get_layer("stem_relu_range").ends != model.get_layer("stem_relu_range").ends


@pytest.mark.parametrize("ranges", ["moving", "fixed"])
def test_ends_that_are_observed_have_no_gradient(ranges):
    plain = tf_keras.Sequential([tf_keras.Input((6,), name="x"), layers.Dense(3)])
    x = np.random.default_rng(1).normal(size=(64, 6)).astype(np.float32)
    spec = tfqd.Activations(ranges=ranges)
    model = tfqd.quantize_model(plain, DEPLOYABLE, activations=spec)
    tfqd.calibrate(model, x)
    before = [layer.ends for layer in model.quantized_activations]
    model.compile("sgd", "mse")
    model.fit(3 * x, x[:, :3], verbose=0)
    assert (before == [layer.ends for layer in model.quantized_activations]) == (ranges == "fixed")


def test_what_has_no_kernel_is_refused_before_training():
    x = tf_keras.Input((6,), name="x")
    powers = tf_keras.Model(x, tf.math.exp(layers.Dense(3)(x)))
    with pytest.raises(ValueError, match=r"\(tf.math.exp\) cannot compute with integers"):
        tfqd.quantize_model(powers, DEPLOYABLE, activations=tfqd.Activations())
    dense = tf_keras.Model(x, layers.Dense(3)(x))
    with pytest.raises(ValueError, match=r"kernel is quantized by Uniform.*presets.deployable"):
        tfqd.quantize_model(dense, 4, activations=tfqd.Activations())
