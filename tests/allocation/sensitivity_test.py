"""Gradients over some batches, and points where errors cost least."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.allocation.sensitivity import mean_gradients, mean_squared_gradients
from tfqd.batches import labelled_batches
from tfqd.wrapping.gradients import loss_function
from tfqd.wrapping.quantized import find_quantized

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(24, 5)).astype("float32")
Y = RANDOM.normal(size=(24, 3)).astype("float32")
KERNEL = RANDOM.normal(size=(5, 3)).astype("float32")


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        part = slice(8 * index, 8 * index + 8)
        return X[part], Y[part]


def linear(spec):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, use_bias=False)])
    model.set_weights([KERNEL])
    return tfqd.quantize_model(model, spec)


def by_hand(start, stop):
    """Gradient of the mean squared error of some examples."""
    x, y = X[start:stop].astype(float), Y[start:stop]
    return 2 * x.T @ (x @ KERNEL - y) / y.size


def found(mean, data, steps=3):
    model = linear(tfqd.Uniform(bits=1))
    batches = labelled_batches(data, 8, steps)
    (gradient,) = mean(model, find_quantized(model), batches, loss_function(model, "mse"))
    return gradient.numpy()


DATA = {
    "arrays": (X, Y),
    "weighted": (X, Y, np.ones(24, "float32")),
    "dataset": tf.data.Dataset.from_tensor_slices((X, Y)).batch(8).repeat(),
    "list": [(X[i : i + 8], Y[i : i + 8]) for i in (0, 8, 16)],
    "py_dataset": Batches(),
}


@pytest.mark.parametrize("data", DATA)
def test_gradients_are_those_of_the_float_weights(data):
    gradients = np.stack([by_hand(start, start + 8) for start in (0, 8, 16)])
    np.testing.assert_allclose(found(mean_gradients, DATA[data]), gradients.mean(0), rtol=1e-4)
    np.testing.assert_allclose(
        found(mean_squared_gradients, DATA[data]), (gradients**2).mean(0), rtol=1e-4
    )


def test_sample_weights_count():
    weights = np.zeros(24, "float32")
    weights[:2] = 4
    expected = by_hand(0, 2)  # 2 of 8 examples, 4 times each
    np.testing.assert_allclose(
        found(mean_gradients, (X[:8], Y[:8], weights[:8]), steps=1), expected, rtol=1e-4
    )


def squares(y, y_pred):
    return keras.ops.mean((y - y_pred) ** 2, axis=-1)


@pytest.mark.parametrize(
    "loss",
    ["mse", squares, keras.losses.MeanSquaredError(), tf_keras.losses.MeanSquaredError()],
    ids=["name", "function", "keras", "tf_keras"],
)
@pytest.mark.parametrize("shape", [(2,), (2, 1)], ids=["flat", "column"])
def test_each_kind_of_loss_weighs_each_example(loss, shape):
    y, y_pred = tf.constant([[0.0], [0.0]]), tf.constant([[1.0], [10.0]])
    weighed = loss_function(linear(tfqd.Uniform(bits=1)), loss)
    for weights, expected in (((1, 0), 0.5), ((0, 1), 50.0), ((1, 1), 50.5)):
        found = weighed(y, y_pred, tf.reshape(tf.constant(weights, tf.float32), shape))
        assert float(found) == pytest.approx(expected)


def test_one_number_for_a_batch_cannot_be_weighed():
    loss = loss_function(linear(tfqd.Uniform(bits=1)), lambda y, p: keras.ops.mean((y - p) ** 2))
    assert float(loss(tf.zeros((4, 1)), tf.ones((4, 1)))) == 1
    with pytest.raises(ValueError, match="one number for a batch, which sample weights cannot"):
        loss(tf.zeros((4, 1)), tf.ones((4, 1)), tf.ones(4))


def test_only_so_many_batches_are_used():
    np.testing.assert_allclose(
        found(mean_gradients, DATA["list"], steps=1), by_hand(0, 8), rtol=1e-4
    )


def test_the_model_is_as_it_was_afterwards():
    model = linear(tfqd.Codebook(bits=2))
    before = model(X).numpy()
    (entry,) = model.quantized_variables
    mean_gradients(model, [entry], [(X, Y, None)], loss_function(model, "mse"))
    assert entry.bits == 2
    np.testing.assert_array_equal(model(X), before)


def test_the_compiled_loss_is_used_when_none_is_given():
    model = linear(tfqd.Uniform(bits=1))
    with pytest.raises(ValueError, match=r"give a loss, or compile model 'sequential.*' with one"):
        loss_function(model)
    model.compile("sgd", "mae")
    np.testing.assert_allclose(loss_function(model)(Y, X[:, :3]), np.abs(Y - X[:, :3]).mean())


def test_sensitive_points_lower_the_error_that_costs():
    spec = tfqd.Codebook(bits=2, bucket_size=None, init="kmeans")
    plain, sensitive = linear(spec), linear(spec)
    tfqd.sensitive_points(sensitive, (X, Y), loss="mse", batch_size=8, steps=3)
    (entry,) = sensitive.quantized_variables
    loss = loss_function(sensitive, "mse")
    (cost,) = mean_squared_gradients(sensitive, [entry], labelled_batches((X, Y), 8, 3), loss)

    def error(model):
        (tensor,) = tfqd.compress(model).quantized.values()
        return float(np.sum(cost * (tensor.dequantize() - KERNEL) ** 2))

    assert error(sensitive) < error(plain)


def test_sensitive_points_leaves_other_methods_as_they_start():
    model = linear(tfqd.LearnedStep(bits=2))
    before = model(X).numpy()
    tfqd.sensitive_points(model, (X, Y), loss="mse")
    np.testing.assert_array_equal(model(X), before)


def test_bad_data_is_refused():
    quantized = linear(tfqd.Codebook(bits=2))
    with pytest.raises(TypeError, match=r"data must be a tuple of inputs and targets.*got float"):
        tfqd.sensitive_points(quantized, 1.0, loss="mse")
    with pytest.raises(TypeError, match="a batch must be a tuple of inputs, targets and perhaps"):
        tfqd.sensitive_points(quantized, [X], loss="mse")
    with pytest.raises(ValueError, match="data holds no batch"):
        tfqd.sensitive_points(quantized, [], loss="mse")
    with pytest.raises(ValueError, match="steps must be None or a positive integer; got 0"):
        tfqd.sensitive_points(quantized, (X, Y), loss="mse", steps=0)
    with pytest.raises(ValueError, match=r"gradient to sequential.*/kernel is NaN or infinite"):
        tfqd.sensitive_points(quantized, (X * np.nan, Y), loss="mse")
    with pytest.raises(ValueError, match=r"is not quantized; see tfqd\.quantize_model"):
        tfqd.sensitive_points(tfqd.strip_quantization(quantized), (X, Y), loss="mse")
