"""Training a quantized model is training the float model, with quantized weights."""

import keras
import numpy as np
import pytest
from keras import layers

import tfqd

CODEBOOK = tfqd.Codebook(bits=2, bucket_size=64)


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


@pytest.fixture
def data():
    generator = np.random.default_rng(1)
    x = generator.normal(size=(32, 8)).astype("float32")
    return x, x[:, :1] - x[:, 1:2]


@pytest.fixture
def restored_policy():
    yield
    keras.config.set_dtype_policy("float32")


def dense_model(**arguments):
    return keras.Sequential(
        [keras.Input((8,)), layers.Dense(6, activation="relu", **arguments), layers.Dense(1)]
    )


def mean_squared_error(model, x, y):
    return float(np.mean(np.square(keras.ops.cast(model(x), "float32").numpy() - y)))


@pytest.mark.parametrize("jit_compile", [True, False])
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_training_falls_under_every_policy_and_compiler(policy, jit_compile, data, restored_policy):
    keras.config.set_dtype_policy(policy)
    model = dense_model()
    keras.config.set_dtype_policy("float32")
    x, y = data
    quantized = tfqd.quantize_model(model, CODEBOOK)
    before = mean_squared_error(quantized, x, y)
    points = [entry.state["points"].numpy() for entry in quantized.quantized_variables]

    quantized.compile(keras.optimizers.Adam(0.03), "mse", jit_compile=jit_compile)
    quantized.fit(x, y, epochs=8, batch_size=16, verbose=0)

    assert mean_squared_error(quantized, x, y) < 0.5 * before
    for entry, start in zip(quantized.quantized_variables, points, strict=True):
        assert entry.state["points"].dtype == "float32"
        assert not np.array_equal(entry.state["points"], start)
    assert quantized.dtype_policy.name == policy
    assert quantized(x).dtype == model(x).dtype
    np.testing.assert_array_equal(quantized(x), tfqd.strip_quantization(quantized)(x))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_loss_is_scaled_where_the_float_model_scales_it(policy, restored_policy):
    keras.config.set_dtype_policy(policy)
    model = dense_model()
    keras.config.set_dtype_policy("float32")
    quantized = tfqd.quantize_model(model, CODEBOOK)
    for each in (model, quantized):
        each.compile("adam", "mse")
    assert type(quantized.optimizer) is type(model.optimizer)
    scaled = isinstance(quantized.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")


def test_policy_of_a_single_layer_is_kept(data, restored_policy):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = keras.Sequential([keras.Input((8,)), layers.Dense(6), layers.Dense(1, dtype="float32")])
    keras.config.set_dtype_policy("float32")
    quantized = tfqd.quantize_model(model, CODEBOOK)
    stripped = tfqd.strip_quantization(quantized)
    assert [layer.compute_dtype for layer in stripped.layers] == ["bfloat16", "float32"]
    np.testing.assert_array_equal(quantized(data[0]), stripped(data[0]))


def test_weights_of_half_precision_are_quantized_in_float32(data):
    model = keras.Sequential([keras.Input((8,)), layers.Dense(6, dtype="bfloat16")])
    quantized = tfqd.quantize_model(model, CODEBOOK)
    stripped = tfqd.strip_quantization(quantized)
    np.testing.assert_array_equal(quantized(data[0]), stripped(data[0]))
    tensor = next(iter(tfqd.compress(quantized).quantized.values()))
    used = stripped.layers[0].kernel.numpy()
    np.testing.assert_array_equal(tensor.dequantize().astype(used.dtype), used)


def test_batch_statistics_move_as_in_the_float_model_with_quantized_weights(data):
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(6), layers.BatchNormalization(), layers.Dense(1)]
    )
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=3))
    stripped = tfqd.strip_quantization(quantized)
    for _ in range(2):
        np.testing.assert_array_equal(
            quantized(data[0], training=True), stripped(data[0], training=True)
        )
    inner, plain = quantized.model.layers[1], stripped.layers[1]
    assert not np.array_equal(plain.moving_mean, np.zeros(6))
    np.testing.assert_array_equal(inner.moving_mean, plain.moving_mean)
    np.testing.assert_array_equal(inner.moving_variance, plain.moving_variance)


def test_dropout_draws_the_masks_that_the_float_model_would_draw(data):
    model = keras.Sequential([keras.Input((8,)), layers.Dense(64), layers.Dropout(0.5)])
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    stripped = tfqd.strip_quantization(quantized)
    first, second = (np.array(quantized(data[0], training=True)) for _ in range(2))
    assert not np.array_equal(first == 0, second == 0)
    np.testing.assert_array_equal(first, stripped(data[0], training=True))
    np.testing.assert_array_equal(second, stripped(data[0], training=True))


def test_regularizer_counts_the_float_weights_once(data):
    model = dense_model(kernel_regularizer=keras.regularizers.L2(0.5))
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=1))
    quantized(data[0], training=True)
    expected = 0.5 * np.sum(np.square(model.layers[0].kernel))
    np.testing.assert_allclose(sum(quantized.losses), expected, rtol=1e-6)
    quantized.compile("sgd", lambda y, p: 0.0 * keras.ops.sum(p, axis=-1))
    loss = quantized.evaluate(*data, verbose=0)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


@keras.saving.register_keras_serializable(package="tfqd_tests")
class AddsLoss(layers.Layer):
    def call(self, x):
        self.add_loss(keras.ops.convert_to_tensor(3.0))
        return x


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_layer_losses_are_counted_exactly_once(data, run_eagerly):
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(6, activity_regularizer=keras.regularizers.L1(0.1)),
            AddsLoss(),
        ]
    )
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=3))
    stripped = tfqd.strip_quantization(quantized)
    stripped.layers[0](data[0])
    (activity,) = stripped.layers[0].losses
    assert activity > 0.01
    for each in (stripped, quantized):
        each.compile("sgd", lambda y, p: 0.0 * keras.ops.sum(p, -1), run_eagerly=run_eagerly)
        for _ in range(2):
            loss = each.test_on_batch(data[0], np.zeros((32, 6)))
            np.testing.assert_allclose(loss, activity + 3.0, rtol=1e-5)
        loss = each.train_on_batch(data[0], np.zeros((32, 6)))
        np.testing.assert_allclose(loss, activity + 3.0, rtol=1e-5)


def test_sample_and_class_weights_are_respected(data):
    x = data[0]
    labels = (x[:, 0] > 0).astype("int32")
    model = keras.Sequential([keras.Input((8,)), layers.Dense(2, activation="softmax")])
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    stripped = tfqd.strip_quantization(quantized)
    sample_weight = np.linspace(0.0, 2.0, 32)
    losses = []
    for each in (stripped, quantized):
        each.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        weighted = each.evaluate(x, labels, sample_weight=sample_weight, verbose=0)
        by_class = each.fit(
            x, labels, class_weight={0: 1.0, 1: 5.0}, batch_size=32, epochs=1, verbose=0
        )
        losses.append([weighted, by_class.history["loss"][0]])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    assert losses[0][1] > 1.5 * losses[0][0]


def test_metrics_and_steps_per_execution(data):
    quantized = tfqd.quantize_model(dense_model(), CODEBOOK)
    quantized.compile(keras.optimizers.Adam(0.02), "mse", metrics=["mae"], steps_per_execution=2)
    history = quantized.fit(*data, epochs=3, batch_size=8, verbose=0).history
    assert int(quantized.optimizer.iterations) == 12
    assert history["loss"][-1] < history["loss"][0]
    mae = np.mean(np.abs(np.array(quantized(data[0])) - data[1]))
    results = quantized.evaluate(*data, verbose=0, return_dict=True)
    np.testing.assert_allclose(results["mae"], mae, rtol=1e-5)


def _all(entry):
    return [entry.variable, entry.state["points"]]


def test_frozen_layer_is_quantized_but_not_trained(data):
    model = dense_model()
    model.layers[0].trainable = False
    quantized = tfqd.quantize_model(model, CODEBOOK)
    frozen, trained = quantized.quantized_variables
    before = [[array.numpy() for array in _all(entry)] for entry in (frozen, trained)]
    quantized.compile(keras.optimizers.Adam(0.02), "mse")
    quantized.fit(*data, epochs=1, verbose=0)
    for array, old in zip(_all(frozen), before[0], strict=True):
        np.testing.assert_array_equal(array, old)
    for array, old in zip(_all(trained), before[1], strict=True):
        assert not np.array_equal(array, old)
    assert len(np.unique(tfqd.strip_quantization(quantized).layers[0].kernel)) <= 4


def test_points_train_alone_when_the_weights_are_frozen_afterwards(data, tmp_path):
    quantized = tfqd.quantize_model(dense_model(), CODEBOOK)
    quantized.model.trainable = False
    points = [entry.state["points"] for entry in quantized.quantized_variables]
    assert quantized.trainable_variables == points
    weights, before = quantized.model.get_weights(), mean_squared_error(quantized, *data)
    quantized.compile(keras.optimizers.Adam(0.05), "mse")
    quantized.fit(*data, epochs=4, verbose=0)
    assert mean_squared_error(quantized, *data) < before
    for old, new in zip(weights, quantized.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    quantized.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [v.path for v in reloaded.trainable_variables] == [v.path for v in points]


def test_frozen_model_has_no_trainable_variable(data):
    quantized = tfqd.quantize_model(dense_model(), CODEBOOK)
    quantized.trainable = False
    assert quantized.trainable_variables == []
    quantized.trainable = True
    assert len(quantized.trainable_variables) == 6


def test_step_of_sgd_moves_float_weights_by_the_gradient_at_the_quantized_ones(data):
    x, y = data
    model = keras.Sequential([keras.Input((8,)), layers.Dense(1, use_bias=False)])
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=2))
    used = tfqd.strip_quantization(quantized).get_weights()[0]
    quantized.compile(keras.optimizers.SGD(0.1), "mse")
    quantized.train_on_batch(x, y)
    gradient = 2 * x.T @ (x @ used - y) / len(x)
    expected = model.get_weights()[0] - 0.1 * gradient
    np.testing.assert_allclose(quantized.model.get_weights()[0], expected, rtol=1e-5, atol=1e-6)
