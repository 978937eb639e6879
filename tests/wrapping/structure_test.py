"""Models of every shape: inputs, outputs, call arguments, masks and states."""

import keras
import numpy as np
import pytest
from keras import layers

import tfqd

SPEC = tfqd.Uniform(bits=4)


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


def floats(*shape):
    return np.random.default_rng(2).normal(size=shape).astype("float32")


def assert_same_as_stripped(quantized, *args, **kwargs):
    stripped = tfqd.strip_quantization(quantized)
    expected, got = stripped(*args, **kwargs), quantized(*args, **kwargs)
    keras.tree.assert_same_structure(expected, got)
    for one, other in zip(keras.tree.flatten(expected), keras.tree.flatten(got), strict=True):
        np.testing.assert_array_equal(one, other)
    return got


def test_several_inputs_and_outputs_train():
    left, right = keras.Input((4,), name="left"), keras.Input((3,), name="right")
    joined = layers.Concatenate()([layers.Dense(4)(left), layers.Dense(4)(right)])
    heads = [layers.Dense(1, name="one")(joined), layers.Dense(2, name="two")(joined)]
    quantized = tfqd.quantize_model(keras.Model([left, right], heads), SPEC)
    inputs = [floats(16, 4), floats(16, 3)]
    targets = [inputs[0][:, :1], inputs[1][:, :2]]
    quantized.compile(keras.optimizers.Adam(0.05), ["mse", "mae"], loss_weights=[1.0, 2.0])
    losses = quantized.fit(inputs, targets, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert isinstance(assert_same_as_stripped(quantized, inputs), list)


def test_outputs_have_the_names_of_the_float_model():
    x = keras.Input((4,))
    heads = [layers.Dense(1, name="one")(x), layers.Dense(2, name="two")(x)]
    model = keras.Model(x, heads)
    quantized = tfqd.quantize_model(model, SPEC)
    targets = {"one": floats(16, 1), "two": floats(16, 2)}
    logs = []
    for each in (model, quantized):
        each.compile("sgd", {"one": "mse", "two": "mae"}, metrics={"two": "mse"})
        logs.append(each.fit(floats(16, 4), targets, verbose=0).history)
    assert set(logs[0]) == set(logs[1]) == {"loss", "one_loss", "two_loss", "two_mse"}
    assert quantized.output_names == model.output_names
    assert quantized.input_shape == model.input_shape
    assert quantized.output_shape == model.output_shape


def test_dicts_of_inputs_and_outputs_train():
    inputs = {"a": keras.Input((4,), name="a"), "b": keras.Input((3,), name="b")}
    joined = layers.Concatenate()([inputs["a"], inputs["b"]])
    outputs = {"y": layers.Dense(1, name="y")(joined), "z": layers.Dense(2, name="z")(joined)}
    quantized = tfqd.quantize_model(keras.Model(inputs, outputs), SPEC)
    data = {"a": floats(16, 4), "b": floats(16, 3)}
    targets = {"y": data["a"][:, :1], "z": data["b"][:, :2]}
    quantized.compile(keras.optimizers.Adam(0.05), {"y": "mse", "z": "mae"}, metrics={"y": "mae"})
    losses = quantized.fit(data, targets, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert set(assert_same_as_stripped(quantized, data)) == {"y", "z"}


@keras.saving.register_keras_serializable(package="tfqd_tests")
class Conditioned(keras.Model):
    """Adds a projected context to a projected input, twice if told so."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.project, self.condition = layers.Dense(3), layers.Dense(3)

    def build(self, x_shape, context_shape):
        self.project.build(x_shape)
        self.condition.build(context_shape)

    def call(self, x, context, twice=False):
        y = self.project(x) + self.condition(context)
        return 2.0 * y if twice else y


def test_several_call_arguments_positional_and_by_name(tmp_path):
    model = Conditioned()
    x, context = floats(5, 4), floats(5, 2)
    model(x, context)
    quantized = tfqd.quantize_model(model, SPEC)
    once = assert_same_as_stripped(quantized, x, context=context)
    twice = assert_same_as_stripped(quantized, x, context, twice=True)
    np.testing.assert_allclose(twice, 2.0 * np.array(once), rtol=1e-6)
    quantized.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(reloaded(x, context), once)


def masked_rnn(wrap=lambda layer: layer):
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            wrap(layers.Embedding(9, 4, mask_zero=True)),
            wrap(layers.LSTM(3)),
            layers.Dense(1),
        ]
    )


TOKENS = np.array([[1, 2, 3, 0, 0, 0], [4, 5, 6, 7, 8, 1]], "int32")


def test_mask_reaches_the_recurrent_layer_of_a_quantized_model():
    quantized = tfqd.quantize_model(masked_rnn(), SPEC)
    out = np.array(assert_same_as_stripped(quantized, TOKENS))
    same_words = np.array(quantized(TOKENS[:1, :3]))
    np.testing.assert_allclose(out[:1], same_words, rtol=1e-5)


def test_mask_reaches_the_recurrent_layer_through_quantize_wrappers():
    model = masked_rnn(lambda layer: tfqd.layers.QuantizeWrapper(layer, SPEC))
    out = np.array(assert_same_as_stripped(model, TOKENS))
    np.testing.assert_allclose(out[:1], np.array(model(TOKENS[:1, :3])), rtol=1e-5)
    traced = model.predict(TOKENS, verbose=0)
    np.testing.assert_allclose(traced, out, rtol=1e-5)


def test_mask_given_to_the_model_is_used():
    x = keras.Input((None, 3))
    quantized = tfqd.quantize_model(keras.Model(x, layers.LSTM(4)(x)), SPEC)
    data = floats(2, 5, 3)
    mask = np.array([[True, True, False, False, False]] * 2)
    masked = np.array(assert_same_as_stripped(quantized, data, mask=mask))
    np.testing.assert_allclose(masked, np.array(quantized(data[:, :2])), rtol=1e-5)


def test_mask_leaves_the_model():
    ids = keras.Input((None,), dtype="int32")
    tagger = keras.Model(ids, layers.Dense(2)(layers.Embedding(9, 4, mask_zero=True)(ids)))
    quantized = tfqd.quantize_model(tagger, SPEC)
    outer = keras.Sequential([keras.Input((None,), dtype="int32"), quantized, layers.LSTM(2)])
    out = np.array(outer(TOKENS))
    np.testing.assert_allclose(out[:1], np.array(outer(TOKENS[:1, :3])), rtol=1e-5)


def test_masked_positions_do_not_count_in_the_loss():
    ids = keras.Input((None,), dtype="int32")
    tagger = keras.Model(ids, layers.Dense(2)(layers.Embedding(9, 4, mask_zero=True)(ids)))
    quantized = tfqd.quantize_model(tagger, SPEC)
    stripped = tfqd.strip_quantization(quantized)
    targets = floats(2, 6, 2)
    losses = []
    for each in (quantized, stripped):
        each.compile("sgd", "mse")
        losses.append(each.evaluate(TOKENS, targets, verbose=0))
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    counted = np.square(np.array(stripped(TOKENS)) - targets).mean(-1)[TOKENS != 0]
    np.testing.assert_allclose(losses[0], counted.mean(), rtol=1e-5)


def test_states_of_a_recurrent_layer_are_returned():
    x = keras.Input((5, 3))
    model = keras.Model(x, layers.LSTM(4, return_sequences=True, return_state=True)(x))
    sequence, hidden, _ = assert_same_as_stripped(tfqd.quantize_model(model, SPEC), floats(2, 5, 3))
    np.testing.assert_array_equal(sequence[:, -1], hidden)


def test_stateful_recurrent_layer_goes_on_where_it_stopped():
    model = keras.Sequential([keras.Input(batch_shape=(2, 3, 4)), layers.GRU(3, stateful=True)])
    quantized = tfqd.quantize_model(model, SPEC)
    stripped = tfqd.strip_quantization(quantized)
    data = floats(2, 3, 4)
    first, second = (np.array(quantized(data)) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, stripped(data))
    np.testing.assert_array_equal(second, stripped(data))
    quantized.model.layers[0].reset_states()
    np.testing.assert_allclose(first, quantized.predict(data, verbose=0), rtol=1e-5)
    quantized.compile("sgd", "mse")
    quantized.fit(data, first, batch_size=2, epochs=2, verbose=0)


def test_dropout_inside_a_recurrent_layer_and_its_wrappers_trains():
    model = keras.Sequential(
        [
            keras.Input((4, 6)),
            layers.TimeDistributed(layers.Dropout(0.5)),
            layers.TimeDistributed(layers.BatchNormalization()),
            layers.Bidirectional(layers.LSTM(3, dropout=0.2, recurrent_dropout=0.2)),
            layers.Dense(1),
        ]
    )
    quantized = tfqd.quantize_model(model, SPEC)
    quantized.compile("adam", "mse")
    data = floats(8, 4, 6)
    history = quantized.fit(data, data[:, 0, :1], epochs=2, batch_size=4, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    statistics = quantized.model.layers[1].layer.moving_mean.numpy()
    assert np.abs(statistics).max() > 0


@keras.saving.register_keras_serializable(package="tfqd_tests")
class DroppingCell(layers.Layer):
    """Assigns a random seed in every pass of the RNN's loop."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.state_size = units
        self.dense, self.dropout = layers.Dense(units), layers.Dropout(0.5)

    def build(self, input_shape):
        self.dense.build((input_shape[0], input_shape[-1] + self.state_size))

    def call(self, x, states, training=None):
        hidden = self.dense(keras.ops.concatenate([x, states[0]], axis=-1))
        return self.dropout(hidden, training=training), [hidden]

    def get_config(self):
        return {**super().get_config(), "units": self.state_size}


def test_seed_assigned_inside_a_loop_moves_as_in_the_float_model():
    model = keras.Sequential([keras.Input((4, 6)), layers.RNN(DroppingCell(3))])
    quantized = tfqd.quantize_model(model, SPEC)
    data = floats(8, 4, 6)
    for each in (model, quantized):
        each.compile("adam", "mse")
        each.fit(data, data[:, 0, :3], batch_size=8, epochs=1, verbose=0)
    seeds = [each.layers[0].cell.dropout.seed_generator.state for each in (model, quantized.model)]
    np.testing.assert_array_equal(seeds[0], seeds[1])
    assert seeds[0][1] >= 4
