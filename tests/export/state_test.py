"""Models that carry a state from call to call are exported as they are, and stay so."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.wrapping.state import from_rest, recurrent_states

X = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)


@pytest.fixture(scope="module", params=[keras, tf_keras], ids=["keras", "tf_keras"])
def stateful(request):
    """A quantized model, two calls into a sequence."""
    kit = request.param
    x = kit.Input(batch_shape=(2, 5, 3), name="x")
    both = kit.layers.LSTM(4, stateful=True, return_sequences=True)
    inner = kit.Sequential([kit.Input(batch_shape=(2, 5, 8)), kit.layers.GRU(3, stateful=True)])
    outputs = kit.layers.Dense(2, name="y")(inner(kit.layers.Bidirectional(both)(x)))
    quantized = tfqd.quantize_model(kit.Model(x, outputs), tfqd.Codebook(bits=4))
    quantized(X)
    quantized(X)
    return quantized


def state(model):
    return [np.array(each) for each in recurrent_states(model)]


def test_the_users_state_is_neither_read_nor_moved(stateful, tmp_path):
    before = state(stateful)
    assert len(before) == 5
    assert all(each.any() for each in before)
    for suffix, write in (("tfqd", tfqd.save), ("keras", tfqd.export.keras)):
        path = tmp_path / f"m.{suffix}"
        assert write(stateful, path).largest_difference <= 1e-5
        assert tfqd.export.verify(path).largest_difference <= 1e-5
    for old, new in zip(before, state(stateful), strict=True):
        np.testing.assert_array_equal(old, new)


def test_neither_do_compressing_and_measuring_move_it(stateful):
    before = state(stateful)
    tfqd.compress(stateful)
    tfqd.size_report(stateful)
    y = np.ones((2, 2), np.float32)
    tfqd.sensitive_points(stateful, (X, y), loss="mse", batch_size=2)
    for old, new in zip(before, state(stateful), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_served_model_carries_its_state_on_from_rest(stateful, tmp_path):
    before = state(stateful)
    tfqd.export.saved_model(stateful, tmp_path)
    for old, new in zip(before, state(stateful), strict=True):
        np.testing.assert_array_equal(old, new)
    serve = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    with from_rest(stateful):
        for _ in range(3):
            answer = serve(x=tf.constant(X))["y"]
            np.testing.assert_allclose(answer, stateful(X), rtol=1e-5, atol=1e-6)


def test_dropout_of_recurrent_layers_is_served(tmp_path):
    layers = [keras.layers.LSTM(4, dropout=0.5, return_sequences=True), keras.layers.GRU(3)]
    model = keras.Sequential([keras.Input((5, 3), name="x"), *layers])
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    assert tfqd.export.saved_model(quantized, tmp_path).largest_difference <= 1e-5


def test_a_float_model_is_served_from_rest_too(tmp_path):
    x = keras.Input(batch_shape=(2, 5, 3), name="x")
    model = keras.Model(x, keras.layers.GRU(4, stateful=True, name="y")(x))
    first = np.asarray(model(X))
    tfqd.export.saved_model(model, tmp_path)
    serve = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    np.testing.assert_allclose(serve(x=tf.constant(X))["y"], first, rtol=1e-5, atol=1e-6)


@keras.saving.register_keras_serializable(package="tfqd_state_tests")
class Counting(keras.layers.Layer):
    """Adds how often it was called, and no noise, of which it draws some."""

    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x):
        self.count.assign(self.count + 1)
        return x + self.count + 0 * keras.random.normal(tf.shape(x), seed=self.seeds)


def test_counters_and_seeds_are_put_back(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), Counting()])
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    quantized(X[0])
    before = [np.array(variable) for variable in quantized.non_trainable_variables]
    tfqd.save(quantized, tmp_path / "m.tfqd")
    for old, new in zip(before, quantized.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(old, new)


@tf_keras.saving.register_keras_serializable(package="tfqd_state_tests")
class CountingInTfKeras(tf_keras.layers.Layer):
    """Adds how often it was called."""

    def build(self, shape):
        self.count = self.add_weight("count", (), initializer="zeros", trainable=False)

    def call(self, x):
        self.count.assign_add(1.0)
        return x + self.count


@pytest.mark.parametrize(
    ("kit", "counting"), [(keras, Counting), (tf_keras, CountingInTfKeras)], ids=["3", "2"]
)
def test_a_served_model_counts_on(kit, counting, tmp_path):
    model = kit.Sequential([kit.Input((3,), name="x"), kit.layers.Dense(2), counting(name="y")])
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    tfqd.export.saved_model(quantized, tmp_path)
    serve = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    for _ in range(3):
        answer = serve(x=tf.constant(X[0]))["y"]
        np.testing.assert_allclose(answer, quantized(X[0]), rtol=1e-5, atol=1e-6)


@keras.saving.register_keras_serializable(package="tfqd_state_tests")
class AlwaysDropping(keras.layers.Dropout):
    """Dropout that inference does too."""

    def call(self, x):
        return super().call(x, training=True)


@tf_keras.saving.register_keras_serializable(package="tfqd_state_tests")
class AlwaysDroppingInTfKeras(tf_keras.layers.Dropout):
    """The same."""

    def call(self, x):
        return super().call(x, training=True)


@pytest.mark.parametrize(
    ("kit", "dropping"),
    [(keras, AlwaysDropping), (tf_keras, AlwaysDroppingInTfKeras)],
    ids=["3", "2"],
)
def test_a_served_model_draws_anew_at_each_call(kit, dropping, tmp_path):
    parts = [kit.layers.Dense(40), dropping(0.5, seed=1), kit.layers.Dense(2, name="y")]
    quantized = tfqd.quantize_model(kit.Sequential([kit.Input((3,), name="x"), *parts]), 4)
    tfqd.export.saved_model(quantized, tmp_path)
    serve = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    first, second = [serve(x=tf.constant(X[0]))["y"] for _ in range(2)]
    assert not np.allclose(first, second)
    assert tfqd.export.verify(tmp_path).largest_difference <= 1e-5


def test_draws_that_nothing_uses_leave_serving_without_seeds(tmp_path):
    model = keras.Sequential([keras.Input((5, 3), name="x"), keras.layers.GRU(4, dropout=0.5)])
    tfqd.export.saved_model(tfqd.quantize_model(model, 4), tmp_path)
    served = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    assert not any(
        operation.type.startswith("Assign") for operation in served.graph.get_operations()
    )
