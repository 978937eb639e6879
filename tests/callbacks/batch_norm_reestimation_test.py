"""BatchNormalization statistics are those of the quantized weights on the given batches."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from keras import layers

import tfqd
from tfqd.batches import input_batches
from tfqd.callbacks import BatchNormReestimation, reestimate_batch_norm
from tfqd.distillation.losses import FeatureDistillation

SPEC = tfqd.Uniform(bits=2, bucket_size=16)
X = np.random.default_rng(0).normal(1.0, 2.0, size=(48, 6)).astype("float32")
Y = X[:, :1]


def build(library):
    """Dense, BatchNormalization, Dropout, Dense, BatchNormalization, with odd statistics."""
    library.utils.set_random_seed(1)
    names = library.layers
    model = library.Sequential(
        [
            library.Input((6,)),
            names.Dense(8, name="first"),
            names.BatchNormalization(name="norm"),
            names.Dropout(0.5),
            names.Dense(4, name="second"),
            names.BatchNormalization(name="last_norm", center=False),
        ]
    )
    generator = np.random.default_rng(2)
    for variable in model.weights:
        if "kernel" not in variable.name:
            variable.assign(generator.uniform(0.5, 2.0, variable.shape))
    return model


@pytest.fixture
def model():
    return build(keras)


def expected_statistics(model, batches):
    """By numpy, in float64: mean and within-batch variance of both layers."""
    first, norm, _, second, last = model.layers
    sums = [np.zeros((2, 8)), np.zeros((2, 4))]
    for x in batches:
        x = x.astype("float64")
        for i, (dense, each) in enumerate([(first, norm), (second, last)]):
            x = x @ np.array(dense.kernel) + np.array(dense.bias)
            mean, variance = x.mean(0), x.var(0)
            sums[i] += len(x) * np.stack([mean, variance])
            x = (x - mean) / np.sqrt(variance + each.epsilon) * np.array(each.gamma)
            x += 0.0 if each.beta is None else np.array(each.beta)
    return [each / sum(map(len, batches)) for each in sums]


def statistics(model):
    return [
        np.stack([each.moving_mean, each.moving_variance])
        for each in (model.get_layer("norm"), model.get_layer("last_norm"))
    ]


def assert_close(model, expected):
    for pair, (mean, variance) in zip(statistics(model), expected, strict=True):
        np.testing.assert_allclose(pair[0], mean, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(pair[1], variance, rtol=1e-4)


def assert_equal(before, after):
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def others(model):
    return [np.array(v) for v in model.variables if "moving" not in v.path]


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[16 * index : 16 * index + 16], Y[:16]


SOURCES = {
    "arrays": lambda: X,
    "arrays and targets": lambda: (X, Y),
    "dataset": lambda: tf.data.Dataset.from_tensor_slices((X, Y)).batch(16),
    "endless dataset": lambda: tf.data.Dataset.from_tensor_slices(X).batch(16).repeat(),
    "PyDataset": Batches,
    "list of batches": lambda: [(X[:16], Y[:16]), (X[16:32], Y[:16]), (X[32:], Y[:16])],
    "iterator": lambda: iter([X[:16], X[16:32], X[32:]]),
}


@pytest.mark.parametrize("source", SOURCES)
def test_statistics_are_averages_over_the_batches_with_quantized_weights(model, source):
    quantized = tfqd.quantize_model(model, SPEC)
    before = others(quantized)
    reestimate_batch_norm(quantized, SOURCES[source](), steps=3, batch_size=16)
    batches = [X[:16], X[16:32], X[32:]]
    assert_close(quantized.model, expected_statistics(tfqd.strip_quantization(quantized), batches))
    for old, new in zip(before, others(quantized), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_a_shorter_batch_counts_less(model, run_eagerly):
    model.compile("sgd", "mse", run_eagerly=run_eagerly)
    reestimate_batch_norm(model, X[:37], batch_size=16)
    assert_close(model, expected_statistics(model, [X[:16], X[16:32], X[32:37]]))


def test_steps_end_early_and_each_time_gives_the_same(model):
    reestimate_batch_norm(model, X, steps=2, batch_size=8)
    first = statistics(model)
    shown = np.concatenate(list(input_batches(X, 8, 2)))
    assert len(shown) == 16
    assert_close(model, expected_statistics(model, [shown[:8], shown[8:]]))
    reestimate_batch_norm(model, X, steps=2, batch_size=8)
    assert_equal(first, statistics(model))


def test_a_distillers_student_is_measured_and_its_teacher_is_not(model):
    teacher = build(keras)
    student = tfqd.quantize_model(model, SPEC)
    distiller = tfqd.Distiller(teacher, student)
    before = statistics(teacher)
    reestimate_batch_norm(distiller, X, batch_size=16)
    batches = [X[:16], X[16:32], X[32:]]
    assert_close(student.model, expected_statistics(tfqd.strip_quantization(student), batches))
    assert_equal(before, statistics(teacher))


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("run_eagerly", [True, False])
def test_a_layer_whose_features_are_distilled_is_measured_over_all_batches(library, run_eagerly):
    student = build(library)
    features = FeatureDistillation("norm", "norm")
    distiller = tfqd.Distiller(build(library), student, [features])
    distiller.compile("sgd", "mse", run_eagerly=run_eagerly)
    reestimate_batch_norm(distiller, X[:12], batch_size=8)
    assert_close(student, expected_statistics(student, [X[:8], X[8:12]]))


def test_images_are_measured_by_channel():
    inputs = keras.Input((5, 4, 3))
    axes = [layers.BatchNormalization(axis=axis, name=f"axis{axis}")(inputs) for axis in (-1, 1)]
    model = keras.Model(inputs, axes)
    images = np.random.default_rng(1).normal(3.0, 2.0, size=(7, 5, 4, 3)).astype("float32")
    reestimate_batch_norm(model, images)
    for axis, others_ in ((-1, (0, 1, 2)), (1, (0, 2, 3))):
        layer = model.get_layer(f"axis{axis}")
        np.testing.assert_allclose(layer.moving_mean, images.mean(others_), rtol=1e-5)
        np.testing.assert_allclose(layer.moving_variance, images.var(others_), rtol=1e-5)


def test_a_mask_leaves_out_what_it_covers():
    inputs = keras.Input((6, 2))
    masked = layers.Masking()(inputs)
    model = keras.Model(inputs, layers.BatchNormalization(name="norm")(masked))
    series = np.random.default_rng(1).normal(3.0, 2.0, size=(4, 6, 2)).astype("float32")
    series[1, 3:] = 0.0
    reestimate_batch_norm(model, series)
    counted = series[series.any(-1)]
    layer = model.get_layer("norm")
    np.testing.assert_allclose(layer.moving_mean, counted.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, counted.var(0), rtol=1e-5)


def test_a_layer_that_is_used_twice_averages_over_both_uses():
    inputs = keras.Input((2,))
    norm = layers.BatchNormalization()
    model = keras.Model(inputs, [norm(inputs), norm(layers.Rescaling(3.0, 1.0)(inputs))])
    x = X[:8, :2]
    reestimate_batch_norm(model, x)
    np.testing.assert_allclose(norm.moving_mean, (x.mean(0) + (3 * x + 1).mean(0)) / 2, rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, (x.var(0) + 9 * x.var(0)) / 2, rtol=1e-5)


@pytest.mark.parametrize("kind", [list, dict])
def test_several_inputs_come_as_a_list_or_dict(kind):
    inputs = {name: keras.Input((2,), name=name) for name in ("a", "b")}
    norm = layers.BatchNormalization()
    structured = list(inputs.values()) if kind is list else inputs
    model = keras.Model(structured, norm(inputs["a"] - inputs["b"]))
    a, b = X[:, :2], X[:, 2:4]
    data = [a, b] if kind is list else {"b": b, "a": a}
    reestimate_batch_norm(model, (data, Y))
    np.testing.assert_allclose(norm.moving_mean, (a - b).mean(0), rtol=1e-5, atol=1e-6)


class Nested(keras.Model):
    """A subclassed model with a model inside, and a BatchNormalization for each step."""

    def __init__(self):
        super().__init__()
        self.inner = keras.Sequential([layers.Dense(3), layers.BatchNormalization(name="inner")])
        self.steps = layers.TimeDistributed(layers.BatchNormalization(name="steps"))

    def call(self, x):
        return self.steps(self.inner(x))


def test_layers_inside_models_and_wrappers_are_measured():
    model, series = Nested(), X.reshape(8, 3, 12)
    model(series)
    dense, inner = model.inner.layers
    reestimate_batch_norm(model, series)
    hidden = np.array(dense(series))
    np.testing.assert_allclose(inner.moving_mean, hidden.mean((0, 1)), rtol=1e-4, atol=1e-5)
    by_step = np.array(inner(hidden))
    steps = model.steps.layer
    variance = by_step.var(0).mean(0)  # one batch for each of the three steps
    np.testing.assert_allclose(steps.moving_variance, variance, rtol=1e-4)


def test_a_frozen_layer_keeps_its_statistics(model):
    model.get_layer("norm").trainable = False
    before = statistics(model)[0]
    reestimate_batch_norm(model, X)
    np.testing.assert_array_equal(before, statistics(model)[0])
    assert not np.allclose(statistics(model)[1], np.ones((2, 4)))


def test_an_error_in_the_data_leaves_the_model_as_it_was(model):
    def batches():
        yield X[:8]
        raise OSError("lost")

    before = statistics(model)
    with pytest.raises(OSError, match="lost"):
        reestimate_batch_norm(model, batches())
    assert_equal(before, statistics(model))
    model.compile("sgd", "mse")
    model.fit(X, X[:, :4], verbose=0)
    assert not np.array_equal(before[0][0], statistics(model)[0][0])


def test_training_ends_with_the_statistics_of_the_final_weights(model):
    quantized = tfqd.quantize_model(model, SPEC)
    quantized.compile("sgd", "mse")
    quantized.fit(X, X[:, :4], epochs=2, verbose=0, callbacks=[BatchNormReestimation(X)])
    measured = statistics(quantized.model)
    reestimate_batch_norm(quantized, X)
    assert_equal(measured, statistics(quantized.model))


class Recorded(keras.callbacks.Callback):
    """Whether the statistics are measured ones, when validation or an epoch's end comes."""

    def __init__(self):
        super().__init__()
        self.validated, self.ended = [], []

    def on_test_begin(self, logs=None):
        self.validated.append(self.measured())

    def on_epoch_end(self, epoch, logs=None):
        self.ended.append(self.measured())

    def measured(self):
        first = self.model.get_layer("first")
        mean = (X @ np.array(first.kernel) + np.array(first.bias)).mean(0)
        return np.allclose(self.model.get_layer("norm").moving_mean, mean, rtol=1e-3)


@pytest.mark.parametrize("validated", [True, False])
def test_every_second_epoch_ends_with_measured_statistics(model, validated):
    model.compile(keras.optimizers.SGD(0.1), "mse")
    recorded, data = Recorded(), (X, X[:, :4])
    callbacks = [BatchNormReestimation(X, every=2), recorded]
    validation = data if validated else None
    model.fit(*data, epochs=4, validation_data=validation, verbose=0, callbacks=callbacks)
    assert recorded.ended == [False, True, False, True]
    assert recorded.validated == (recorded.ended if validated else [])


class Scaled(layers.BatchNormalization):
    def call(self, inputs, training=None, mask=None):
        return 2.0 * super().call(inputs, training=training, mask=mask)


def test_what_cannot_be_measured_is_refused(model):
    plain = keras.Sequential([keras.Input((6,)), layers.Dense(2)])
    with pytest.raises(ValueError, match="no BatchNormalization layer"):
        reestimate_batch_norm(plain, X)
    with pytest.raises(ValueError, match=r"'scaled' .* a call of its own"):
        reestimate_batch_norm(keras.Sequential([keras.Input((6,)), Scaled(name="scaled")]), X)
    with pytest.raises(ValueError, match="gave no batch"):
        reestimate_batch_norm(model, iter([]))
    with pytest.raises(ValueError, match="no end"):
        reestimate_batch_norm(model, SOURCES["endless dataset"]())
    with pytest.raises(TypeError, match="data must be arrays"):
        reestimate_batch_norm(model, 3)
    with pytest.raises(ValueError, match="steps must be None or a positive integer; got 0"):
        reestimate_batch_norm(model, X, steps=0)
    with pytest.raises(ValueError, match=r"every must be None or a positive integer; got 0\.5"):
        BatchNormReestimation(X, every=0.5)
