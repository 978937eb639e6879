"""Answers of all forms are scored for what they are: logits or not, masked, weighted, several."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 8)).astype(np.float32)
SCORES = 3 * X @ RNG.normal(size=(8, 3)).astype(np.float32)
CLASSES = (SCORES + RNG.normal(0, 2, SCORES.shape)).argmax(-1)
KITS = pytest.mark.parametrize("kit", [keras, tf_keras], ids=["keras", "tf_keras"])


def linear(kit, activation=None, units=3):
    """A model whose logits are SCORES."""
    layers = kit.layers
    model = kit.Sequential([layers.Input((8,)), layers.Dense(units), layers.Activation(activation)])
    weights = np.linalg.lstsq(X, SCORES[:, :units], rcond=None)[0]
    model.set_weights([weights, np.zeros(units)])
    return model


def values(models, *data):
    return tfqd.evaluate(models, data, efficiency=False).values


@KITS
def test_every_model_may_answer_with_logits_or_probabilities(kit):
    logits, softmax = linear(kit), linear(kit, "softmax")
    for models in ({"a": logits, "b": softmax}, {"a": softmax, "b": logits}):
        found = values(models, X, CLASSES)
        assert found["a"] == pytest.approx(found["b"], abs=1e-6)
        assert found["b"]["agreement"] == 1
        assert 0 < found["b"]["calibration_error"] < 0.5


def test_corrupted_answers_are_scored_as_the_clean_ones():
    found = tfqd.evaluate(
        {"a": linear(keras, units=1), "b": linear(keras, "sigmoid", units=1)},
        (X, SCORES[:, 0] > 0),
        corruptions=[1],
        efficiency=False,
    )
    assert found.values["a"]["corrupted"] == found.values["b"]["corrupted"] > 0.9


def test_classes_of_sigmoids_are_shares():
    model = linear(keras, "sigmoid")
    found = values({"m": model}, X, np.eye(3)[CLASSES])["m"]
    sigmoids = 1 / (1 + np.exp(-SCORES.astype(np.float64)))
    shares = sigmoids / sigmoids.sum(-1, keepdims=True)
    expected = -np.mean(np.log(shares[np.arange(len(X)), CLASSES]))
    assert found["negative_log_likelihood"] == pytest.approx(expected, rel=1e-4)


@KITS
@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_several_labels_at_once_are_decisions_of_their_own(kit, activation):
    y = (SCORES + RNG.normal(0, 2, SCORES.shape) > 0).astype(np.float32)
    found = tfqd.evaluate({"m": linear(kit, activation)}, (X, y), efficiency=False)
    right = (SCORES > 0) == y
    assert found.values["m"]["accuracy"] == pytest.approx(right.mean())
    assert found.classes["m"] == pytest.approx(dict(enumerate(right.mean(0))))
    p = 1 / (1 + np.exp(-SCORES.astype(np.float64)))
    likelihood = -np.mean(np.log(np.where(y == 1, p, 1 - p)))
    assert found.values["m"]["negative_log_likelihood"] == pytest.approx(likelihood, rel=1e-4)


def tagger(kit):
    layers = kit.layers
    kit.utils.set_random_seed(3)
    return kit.Sequential(
        [layers.Input((6,)), layers.Embedding(9, 4, mask_zero=True), layers.Dense(3)]
    )


@KITS
def test_masked_steps_count_in_no_score(kit):
    tokens, tags = RNG.integers(1, 9, (50, 6)), RNG.integers(0, 3, (50, 6))
    tokens[:, 2:] = 0
    model = tagger(kit)
    quantized = tfqd.quantize_model(model, tfqd.presets.deployable(2))
    found = values({"float": model, "2 bits": quantized}, tokens, tags)
    for name, each in {"float": model, "2 bits": quantized}.items():
        right = each.predict(tokens, verbose=0).argmax(-1) == tags
        assert found[name]["accuracy"] == pytest.approx(right[:, :2].mean())
    shown = values({"float": model}, tokens, tags, np.repeat([2.0, 0.0], 25))["float"]
    right = model.predict(tokens, verbose=0).argmax(-1) == tags
    assert shown["accuracy"] == pytest.approx(right[:25, :2].mean())


def test_examples_count_as_much_as_they_weigh():
    model, chosen = linear(keras), CLASSES != 1
    weighed = tfqd.evaluate({"m": model}, (X, CLASSES, chosen), efficiency=False)
    alone = tfqd.evaluate({"m": model}, (X[chosen], CLASSES[chosen]), efficiency=False)
    assert weighed.values["m"] == pytest.approx(alone.values["m"])
    assert weighed.classes["m"].keys() == {0, 2}
    numbers = linear(keras, units=2)
    weights = np.arange(200.0)[:, None]
    data = tf.data.Dataset.from_tensor_slices((X, SCORES[:, :2] + 1, weights)).batch(64)
    assert tfqd.evaluate({"m": numbers}, data, efficiency=False).values["m"][
        "error"
    ] == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("kind", [tuple, dict])
def test_inputs_of_datasets_may_be_several(kind):
    both = [keras.Input((4,), name="a"), keras.Input((4,), name="b")]
    scores = keras.layers.Dense(3)(keras.layers.Concatenate()(both))
    halves = (X[:, :4], X[:, 4:])
    given = halves if kind is tuple else {"a": halves[0], "b": halves[1]}
    model = keras.Model(both if kind is tuple else dict(zip("ab", both, strict=True)), scores)
    expected = values({"m": model}, given, CLASSES)
    batches = tf.data.Dataset.from_tensor_slices((given, CLASSES)).batch(64)
    found = tfqd.evaluate({"m": model}, batches, efficiency=False).values
    assert found["m"] == pytest.approx(expected["m"])


@KITS
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "last"])
def test_what_the_code_of_a_class_does_to_its_last_layer_is_seen(kit, inside):
    class Own(kit.Model):
        def __init__(self):
            super().__init__()
            self.linear = linear(kit)

        def call(self, x):
            return tf.nn.softmax(self.linear(x))

    own = Own()
    own(X[:1])
    if inside:
        inputs = kit.Input((8,))
        own = kit.Model(inputs, own(inputs))
    found = values({"logits": linear(kit), "own": own}, X, CLASSES)
    assert found["own"] == pytest.approx(found["logits"], abs=1e-6)


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "last"])
@pytest.mark.parametrize("name", ["sigmoid", "softmax"])
def test_an_operation_after_the_last_layer_is_seen(name, inside):
    units = 3 if name == "softmax" else 1
    dense, inputs = linear(keras, units=units).layers[0], keras.Input((8,))
    model = keras.Model(inputs, getattr(keras.ops, name)(dense(inputs)))
    if inside:
        model = keras.Sequential([keras.Input((8,)), model])
    x = X / 8  # Of larger logits some processors make probabilities of 0, others of 1e-7.
    labels = CLASSES if units == 3 else CLASSES > 0
    expected = values({"m": linear(keras, name, units)}, x, labels)
    for each in (model, tfqd.quantize_model(model, {"kernel": tfqd.Uniform(bits=8)})):
        found = values({"m": each}, x, labels)
        assert found["m"] == pytest.approx(expected["m"], abs=0.01)


@KITS
def test_a_layer_that_gives_the_answers_may_stand_in_the_middle_too(kit):
    layers, inputs = kit.layers, kit.Input((8,))
    squash = layers.Activation("sigmoid")
    model = kit.Model(inputs, squash(layers.Dense(1)(squash(layers.Dense(4)(inputs)))))
    decisions = model.predict(X, verbose=0) > 0.5
    assert values({"m": model}, X, decisions)["m"]["accuracy"] == 1


class Rounded(keras.layers.Layer):
    """Probabilities, in the steps of an INT8 file, from a layer that does not say what it gives."""

    def call(self, logits):
        return keras.ops.round(keras.ops.softmax(logits) * 256) / 256


@pytest.mark.parametrize("units", [1, 3])
def test_constant_logits_are_no_probabilities(units):
    model, constant = linear(keras, units=units), linear(keras, units=units)
    constant.set_weights([0 * weight for weight in constant.get_weights()])
    y = CLASSES if units == 3 else (CLASSES > 0).astype(int)
    for models in ({"m": model, "c": constant}, {"c": constant}):
        found = values(models, X, y)["c"]
        assert found["negative_log_likelihood"] == pytest.approx(np.log(max(units, 2)))


def test_probabilities_of_few_bits_are_told_from_logits():
    small = keras.Sequential([linear(keras), Rounded()])
    found = values({"logits": linear(keras), "small": small}, X, CLASSES)
    expected = found["logits"]["calibration_error"]
    assert found["small"]["calibration_error"] == pytest.approx(expected, abs=0.01)


def test_labels_where_nothing_counts_do_not_matter():
    model, counts = linear(keras), CLASSES != 1
    expected = values({"m": model}, X, CLASSES, counts)["m"]
    for labels in (np.where(counts, CLASSES, -1), np.eye(3)[CLASSES] * counts[:, None]):
        assert values({"m": model}, X, labels, counts)["m"] == pytest.approx(expected)


def test_weights_of_examples_hold_for_masks_of_several_axes():
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((2, 6)), layers.Embedding(9, 4, mask_zero=True), layers.Dense(3)]
    )
    tokens, tags = RNG.integers(0, 9, (2, 2, 6)), RNG.integers(0, 3, (2, 2, 6))
    found = values({"m": model}, tokens, tags, np.array([1.0, 0.0]))["m"]
    right = model.predict(tokens, verbose=0).argmax(-1) == tags
    assert found["accuracy"] == pytest.approx(right[0][tokens[0] != 0].mean())


@KITS
def test_a_model_of_one_batch_size_and_of_states_is_asked_once(kit):
    inputs = kit.layers.Input(batch_shape=(50, 4, 2))
    model = kit.Model(inputs, kit.layers.Dense(3)(kit.layers.LSTM(5, stateful=True)(inputs)))
    data = X.reshape(200, 4, 2), CLASSES
    found = tfqd.evaluate({"m": model}, data, efficiency=False, batch_size=50).values["m"]
    model.layers[1].reset_states() if kit is tf_keras else model.layers[1].reset_state()
    answers = [np.asarray(model(part)) for part in np.split(data[0], 4)]
    right = np.concatenate(answers).argmax(-1) == CLASSES
    assert found["accuracy"] == pytest.approx(right.mean())


def broken(kit):
    model = linear(kit)
    model.set_weights([np.full((8, 3), np.nan), np.zeros(3)])
    return model


BAD = [
    ((X, np.where(SCORES > 9, np.nan, SCORES)), "labels must be finite"),
    ((X, CLASSES, -np.ones(200)), "sample weights must be finite, and 0 or more"),
    (
        (X, CLASSES, np.ones((200, 2))),
        "one a label; got weights of shape (200, 2), labels of shape (200,)",
    ),
    ((X, CLASSES, np.zeros(200)), "nothing counts"),
    ((X, CLASSES, np.ones(7)), "as many labels as weights; got 200 and 7"),
    (
        [(X[:32], CLASSES[:32]), (X[32:], CLASSES[32:], np.ones(168))],
        "sample weights must be in all batches of data, or in none",
    ),
    (([X[:3]], CLASSES), "as many labels as inputs; got 200 and 3"),
    ([(X[:2], CLASSES[:2]), (X[:2, :3], CLASSES[:2])], "batches of data must have one shape"),
]


@pytest.mark.parametrize(("data", "message"), BAD, ids=[each[1] for each in BAD])
def test_bad_data_are_named(data, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        tfqd.evaluate({"m": linear(keras)}, data, efficiency=False)


def test_a_model_that_answers_nan_is_named():
    models = {"float": linear(keras), "lost": broken(keras)}
    with pytest.raises(ValueError, match=r"lost answers with NaN or infinity to 100\.0%"):
        values(models, X, CLASSES)
