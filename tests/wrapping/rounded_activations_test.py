"""Models whose activations are rounded where a file of integers rounds them."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from integer_models import IMAGES, block, residual, trained
from keras import layers

import tfqd
from tfqd.wrapping import calls

DEPLOYABLE = tfqd.presets.deployable(8)
X = np.random.default_rng(1).normal(size=(64, 6)).astype(np.float32)


def dense(*more, **options):
    first = layers.Dense(8, name="first", **options)
    return keras.Sequential([keras.Input((6,), name="x"), first, *more])


def integer(model, **fields):
    result = tfqd.quantize_model(model, DEPLOYABLE, activations=tfqd.Activations(**fields))
    tfqd.calibrate(result, X)
    return result


def answers_of_ranges(model, inputs):
    """What each range gives in a call, by its name; of several calls the last."""
    found = {}
    with contextlib.ExitStack() as watching:
        for layer in model.quantized_activations:
            note = lambda y, name=layer.name: found.update({name: np.asarray(y)})  # noqa: E731
            watching.enter_context(calls.watched(layer, note))
        model(inputs)
    return found


@pytest.fixture(name="four_bits", scope="module")
def trained_with_four_bits():
    return trained(bits=4)


def test_the_loss_falls_and_every_tensor_is_on_its_grid(four_bits):
    losses = four_bits.history.history["loss"]
    assert losses[-1] < losses[0]
    found = answers_of_ranges(four_bits, IMAGES)
    assert {layer.quantizer.bits for layer in four_bits.quantized_activations} == {4, 8}
    for layer in four_bits.quantized_activations:
        low, high = layer.ends
        assert len(np.unique(found[layer.name])) <= 2**layer.quantizer.bits
        step = (high - low) / layer.quantizer.steps
        codes = found[layer.name] / step
        np.testing.assert_allclose(codes, np.rint(codes), atol=0.01)
        assert low - step <= found[layer.name].min() <= found[layer.name].max() <= high + step


def test_training_moves_the_ends():
    last = layers.Dense(4, activation="softmax", name="last")
    model = integer(dense(last, activation="relu"))
    before = {layer.name: layer.ends for layer in model.quantized_activations}
    model.compile(keras.optimizers.Adam(1e-2), "mse", jit_compile=False)
    model.fit(X, np.eye(4)[np.arange(64) % 4], batch_size=16, verbose=0)
    after = {layer.name: layer.ends for layer in model.quantized_activations}
    still = {name for name in before if before[name] == after[name]}
    assert list(before) == ["x_range", "first_range", "last_range", "last_softmax_range"]
    assert still == {"last_softmax_range"}


@pytest.mark.parametrize("ranges", ["moving", "fixed"])
def test_ends_that_are_observed_have_no_gradient(ranges):
    model = integer(dense(), ranges=ranges)
    assert not [each for each in model.trainable_variables if each.name in ("low", "high")]
    before = [layer.ends for layer in model.quantized_activations]
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(3 * X, np.zeros((64, 8)), verbose=0)
    after = [layer.ends for layer in model.quantized_activations]
    assert (before == after) == (ranges == "fixed")


def test_without_calibration_nothing_runs():
    model = tfqd.quantize_model(dense(), DEPLOYABLE, activations=tfqd.Activations())
    message = "range of activations 'x_range' is not known yet; call tfqd.calibrate"
    model.compile("sgd", "mse", jit_compile=False)
    for use in (lambda: model(X), lambda: model.predict(X, verbose=0), lambda: model.fit(X, X)):
        with pytest.raises(ValueError, match=message):
            use()
    with pytest.raises(ValueError, match=message):
        tfqd.export.tflite(model, "m.tflite")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (X[:0], "data has no examples"),
        (np.full((4, 6), np.nan, np.float32), "activations at 'x_range' are NaN or infinite"),
    ],
)
def test_data_that_calibrates_nothing_is_refused(data, message):
    model = tfqd.quantize_model(dense(), DEPLOYABLE, activations=tfqd.Activations())
    with pytest.raises(ValueError, match=message):
        tfqd.calibrate(model, data)
    with pytest.raises(ValueError, match="rounds no activations"):
        tfqd.calibrate(tfqd.quantize_model(dense(), DEPLOYABLE), X)


def test_calibration_takes_what_fit_takes_and_counts_all_of_it():
    ends = []
    dataset = tf.data.Dataset.from_tensor_slices((X, X)).batch(7)
    for data in (X, (X, X), dataset, iter([X[:30], X[30:]])):
        model = tfqd.quantize_model(
            dense(), DEPLOYABLE, activations=tfqd.Activations(start="minmax")
        )
        tfqd.calibrate(model, data)
        ends.append(model.quantized_activations[0].ends)
    np.testing.assert_allclose(ends, 4 * [[X.min(), X.max()]], rtol=1e-6)


def test_files_keep_the_ranges(four_bits, tmp_path):
    expected = np.asarray(four_bits(IMAGES))
    four_bits.save(tmp_path / "m.keras")
    tfqd.save(four_bits, tmp_path / "m.tfqd")
    tfqd.export.saved_model(four_bits, tmp_path / "served", probes=IMAGES[:4])
    for again in (
        keras.saving.load_model(tmp_path / "m.keras"),
        tfqd.load(tmp_path / "m.tfqd"),
        tfqd.load(tmp_path / "m.tfqd", kind="quantized"),
        tfqd.strip_quantization(four_bits),
    ):
        np.testing.assert_array_equal(again(IMAGES), expected)
        assert again.output_names == ["classes"]
    served = tf.saved_model.load(tmp_path / "served" / "1").signatures["serving_default"]
    np.testing.assert_allclose(served(image=IMAGES)["classes"], expected, atol=1 / 128)


def test_a_reloaded_model_trains_on_as_the_one_that_was_saved(tmp_path):
    model = integer(dense(layers.Dense(4), activation="relu"), bits=4)
    model.compile("adam", "mse", jit_compile=False)
    model.fit(X, X[:, :4], batch_size=16, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    for each in (model, again):
        each.fit(X, X[:, :4], batch_size=16, shuffle=False, verbose=0)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_summary_says_where_ranges_are_and_why(four_bits):
    lines = []
    four_bits.summary(print_fn=lines.append)
    table = lines[-1]
    assert "one range for depthwise_relu, pointwise_relu, which are joined" in table
    for layer in four_bits.quantized_activations:
        assert all(name in table for name in (layer.name, *layer.covered))
    covered = [name for layer in four_bits.quantized_activations for name in layer.covered]
    # All layers once; of the last one its activation too, which is an operator of its own.
    assert len(covered) == len(set(covered)) == len(residual().layers) + 1


def test_models_within_models_are_taken_apart():
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(8, activation="relu", name="dense")])
    x = keras.Input((6,), name="x")
    y = inner(layers.Dense(8, activation="relu", name="dense")(x))
    outer = keras.Model(x, {"twice": inner(y), "once": y})
    model = integer(outer)
    plain = tfqd.quantize_model(outer, DEPLOYABLE)
    expected, found = plain(X), model(X)
    assert found.keys() == expected.keys()
    for name, each in expected.items():
        np.testing.assert_allclose(found[name], each, atol=0.05 * np.abs(each).max())
    assert len(model.quantized_variables) == 2
    assert model.output_names == outer.output_names


def test_operators_of_keras_count_as_layers():
    x = keras.Input((6,), name="x")
    y = layers.Dense(6)(x)
    model = integer(keras.Model(x, x + y))
    names = [layer.name for layer in model.quantized_activations]
    assert (names[0], len(names)) == ("x_range", 3)


def test_mixed_precision_keeps_its_types():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = integer(dense(layers.Dense(3, activation="relu")))
    finally:
        keras.config.set_dtype_policy("float32")
    assert model(X).dtype == "bfloat16"


def test_a_students_own_floats_are_its_teacher(four_bits):
    loss = tfqd.distillation.SimilarityPreserving("hidden", "hidden")
    distiller = tfqd.Distiller(None, four_bits, loss)
    floats, rounded = (
        answers(each, "stem_relu_range") for each in (distiller.teacher, four_bits.model)
    )
    assert len(np.unique(rounded)) == 16
    assert len(np.unique(floats)) > 1000


def test_a_student_of_integers_is_distilled_and_kept(tmp_path):
    student = integer(dense(layers.Dense(4), activation="relu"), bits=4)
    before = [layer.ends for layer in student.quantized_activations]
    distiller = tfqd.Distiller(None, student, tfqd.distillation.LogitsDistillation())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile("sgd", loss, jit_compile=False)
    distiller.fit(X, np.arange(64) % 4, verbose=0)
    assert before != [layer.ends for layer in student.quantized_activations]
    distiller.save(tmp_path / "d.keras")
    again = keras.saving.load_model(tmp_path / "d.keras")
    np.testing.assert_array_equal(again.student(X), student(X))
    np.testing.assert_array_equal(again.teacher(X), distiller.teacher(X))


def answers(model, name):
    found = []
    with calls.watched(model.get_layer(name), found.append):
        model(IMAGES)
    return np.asarray(found[0])


def test_what_cannot_become_a_file_of_integers_is_refused_before_training():
    spec = tfqd.Activations()
    image = keras.Input((8, 8, 3))
    no_kernel = keras.Model(
        image, layers.LayerNormalization(name="norm")(block(image, 4, 3, "conv"))
    )
    with pytest.raises(ValueError, match=r"layer 'norm' \(LayerNormalization\) cannot compute"):
        tfqd.quantize_model(no_kernel, DEPLOYABLE, activations=spec)
    alone = keras.Model(image, layers.BatchNormalization(name="norm")(block(image, 4, 3, "conv")))
    with pytest.raises(ValueError, match=r"'norm' .BatchNormalization. follows 'conv_relu"):
        tfqd.quantize_model(alone, DEPLOYABLE, activations=spec)
    with pytest.raises(ValueError, match=r"kernel is quantized by Uniform.*presets.deployable"):
        tfqd.quantize_model(dense(), 4, activations=spec)
    floats = tfqd.Codebook(bits=3, bucket_size=None, scaling="symmetric", grid="e4m3")
    with pytest.raises(ValueError, match=r"kernel is quantized by Codebook.*presets.deployable"):
        tfqd.quantize_model(dense(), floats, activations=spec)
    three = dense(layers.Dense(3), layers.Dense(3))
    with pytest.raises(ValueError, match=r"kernel stays float.*presets.deployable"):
        tfqd.quantize_model(three, DEPLOYABLE, first_last=None, activations=spec)
    with pytest.raises(TypeError, match=r"activations must be None, a tfqd.Activations or"):
        tfqd.quantize_model(dense(), DEPLOYABLE, activations=8)
    stripped = tfqd.strip_quantization(integer(dense()))
    with pytest.raises(ValueError, match="rounds activations already"):
        tfqd.quantize_model(stripped, DEPLOYABLE, activations=spec)
